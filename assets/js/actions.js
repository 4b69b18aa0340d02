// Runs once per gr.HTML block that was made with actions=True. A button with data-action in the block's HTML becomes a
// Gradio click event that carries all of its data-* values; focus survives a new rendering by data-key.
// data-collect="name" adds the values of ticked boxes of that name as `chosen`; data-fields="selector" adds the values of the
// data-field controls around the button. What is ticked survives a new rendering, unless that says data-untick.
let focused = null;
let ticked = new Set();
function gathered(button) {
  const data = { ...button.dataset };
  if (data.collect) data.chosen = [...ticks(data.collect)].filter((box) => box.checked).map((box) => box.value).join(',');
  const around = data.fields && button.closest(data.fields);
  if (around) for (const field of around.querySelectorAll('[data-field]')) data[field.dataset.field] = field.value;
  return data;
}
function ticks(name) { return element.querySelectorAll(`input[type="checkbox"][name="${name}"]`); }
function counted() {
  const boxes = [...element.querySelectorAll('input[type="checkbox"][name]')];
  ticked = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
  for (const place of element.querySelectorAll('[data-ticked]')) place.textContent = ticked.size;
  for (const all of element.querySelectorAll('[data-tick-all]')) all.checked = boxes.length > 0 && ticked.size === boxes.length;
}
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-action]');
  if (!button || !element.contains(button) || button.disabled) return;
  if (button.dataset.confirm && !window.confirm(button.dataset.confirm)) return;
  trigger('click', gathered(button));
  // On a phone what a button opens lies below the list it is in.
  const goto = button.dataset.goto;
  if (goto && (window.innerWidth < 700 || button.dataset.always)) window.setTimeout(() => document.getElementById(goto)?.scrollIntoView({ behavior: 'smooth' }), 400);
});
element.addEventListener('change', (event) => {
  const name = event.target.dataset.tickAll;
  if (name) for (const box of ticks(name)) box.checked = event.target.checked;
  counted();
});
element.addEventListener('focusin', (event) => { focused = event.target.dataset.key || null; });
element.addEventListener('focusout', (event) => { if (event.relatedTarget) focused = null; });
watch('value', () => {
  // A box that is drawn again may be the one of another row, with its tick still on it.
  const keep = !element.querySelector('[data-untick]');
  for (const box of element.querySelectorAll('input[type="checkbox"][name]')) box.checked = keep && ticked.has(box.value);
  counted();
  if (!focused || document.activeElement !== document.body) return;
  for (const candidate of element.querySelectorAll('[data-key]')) {
    if (candidate.dataset.key === focused) candidate.focus();
  }
});
