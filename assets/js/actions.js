// Runs once per gr.HTML block that was made with actions=True. A button with data-action in the block's HTML becomes a
// Gradio click event that carries all of its data-* values; focus survives a new rendering by data-key.
let focused = null;
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-action]');
  if (!button || !element.contains(button) || button.disabled) return;
  if (button.dataset.confirm && !window.confirm(button.dataset.confirm)) return;
  trigger('click', { ...button.dataset });
  // On a phone what a button opens lies below the list it is in.
  const goto = document.getElementById(button.dataset.goto || '');
  if (goto && window.innerWidth < 700) window.setTimeout(() => goto.scrollIntoView({ behavior: 'smooth' }), 300);
});
element.addEventListener('focusin', (event) => { focused = event.target.dataset.key || null; });
element.addEventListener('focusout', (event) => { if (event.relatedTarget) focused = null; });
watch('value', () => {
  if (!focused || document.activeElement !== document.body) return;
  for (const candidate of element.querySelectorAll('[data-key]')) {
    if (candidate.dataset.key === focused) candidate.focus();
  }
});
