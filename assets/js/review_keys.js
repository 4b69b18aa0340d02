// What keys and buttons of the review page do. The table of keys is in keymap.js.
(() => {
  'use strict';
  const ns = (window.Corrigenda = window.Corrigenda || {});
  const $ = (id) => document.getElementById(id);
  const review = () => ns.review;
  const item = () => review().item;
  const steps = () => document.querySelectorAll('.rv-step').length;

  function move(by) {
    if (steps()) review().focusStep(Math.min(Math.max(review().at + by, 0), steps() - 1));
  }

  function choose(label) {
    if (label !== undefined) ns.marks.change((form) => { form.label = form.label === label ? '' : label; });
  }

  function number(event) {
    const index = Number(event.key) - 1;
    if (item()?.labels.length) choose(item().labels[index]);
    else if (index < steps()) review().focusStep(index);
  }

  function take() {
    if (ns.marks.finding()) ns.marks.take();
    else review().say('The critics name no step here.', 'warn');
  }

  function alternative(index) {
    const step = $(`rv-step-${index}`);
    if (step?.dataset.state === 'masked') review().say('Step {n} is masked. Move the mark (J and K, or drag it), or press u.', 'warn', { n: index + 1 });
    else if (step) ns.editAlternative(index);
  }

  function undo() {
    const one = item();
    if (one?.undo.length) {
      ns.marks.undo();
      return;
    }
    if (!review().untouched()) {
      review().say('There is text here. Submit it or clear it, then press u to reopen your last review.', 'warn');
      return;
    }
    review().send('undo');
  }

  // ---- decisions ---------------------------------------------------------------------------------------------------
  async function decide(action, extra = {}) {
    const one = item();
    if (!one || review().busy) return;
    review().busy = action;
    setTimeout(() => { if (review().busy === action) review().busy = ''; }, 8000);
    const seconds = review().spent();
    await one.keeper.flush();
    if (item() !== one) return;
    review().send(action, { form: { ...one.form, seconds }, ...extra });
  }

  function ask(title, advice, then) {
    const made = (tag, properties) => Object.assign(document.createElement(tag), properties);
    const dialog = made('dialog', { className: 'rv-dialog', id: 'rv-ask' });
    const form = made('form', { method: 'dialog' });
    const input = made('textarea', { id: 'rv-ask-reason', rows: 3, maxLength: 2000, required: true });
    const go = made('button', { type: 'submit', className: 'rv-button rv-primary', textContent: title });
    const back = made('button', { type: 'button', className: 'rv-button', textContent: say('Back') });
    const row = made('div', { className: 'rv-actions' });
    row.append(go, back);
    form.append(made('h2', { textContent: title }), made('label', { htmlFor: input.id, textContent: advice }), input, row);
    dialog.append(form);
    back.addEventListener('click', () => dialog.close());
    input.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) { event.preventDefault(); form.requestSubmit(); }
    });
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const reason = input.value.trim();
      if (!reason) { input.focus(); return; }
      dialog.close();
      then(reason);
    });
    dialog.addEventListener('close', () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
    input.focus();
  }

  const skip = () => item() && ask(say('Skip'), say('Why do you skip it? Somebody else will see it.'), (reason) => decide('skip', { reason }));
  const flag = () => item() && ask(say('Flag'), say('What should an expert look at?'), (reason) => decide('flag', { reason }));

  // ---- fields ------------------------------------------------------------------------------------------------------
  ns.focusField = (id) => {
    const field = $(id);
    if (!field) return;
    const fold = field.closest('details');
    if (fold) fold.open = true;
    field.focus();
  };

  // Opening the rewrite starts from the answer; closing it unchanged means that there is none.
  ns.rewriteToggled = (open) => {
    const { form } = item();
    if (open && form.rewrite === null) form.rewrite = review().answerText();
    if (!open && form.rewrite === review().answerText()) form.rewrite = null;
    const field = $('rv-rewrite');
    if (field.value !== (form.rewrite ?? '')) field.value = form.rewrite ?? '';
    ns.changes.draw();
  };

  function rewrite() {
    if (!item() || !$('rv-rewrite')) return;
    $('rv-rewrite-box').open = true;
    ns.rewriteToggled(true);
    const field = $('rv-rewrite');
    field.focus();
    const marked = document.querySelector('.rv-step[data-state=bad] .rv-step-text')?.textContent;
    const from = marked ? field.value.indexOf(marked) : -1;
    if (from >= 0) field.setSelectionRange(from, from + marked.length);
    else field.setSelectionRange(field.value.length, field.value.length);
  }

  function why() {
    const fold = $('rv-why');
    if (!fold) return;
    fold.open = !fold.open;
    if (fold.open) fold.querySelector('summary').focus();
  }

  function done() {
    const card = $('rv-lessons-card');
    if (!card) { review().send('distil'); return; }
    card.scrollIntoView({ block: 'start' });
    (card.querySelector('fieldset:not([disabled]) [data-lesson-field=text]') || card).focus();
  }

  function decideLesson(button) {
    const card = button.closest('[data-lesson]');
    const fields = Object.fromEntries([...card.querySelectorAll('[data-lesson-field]')].map((one) => [one.dataset.lessonField, one.value]));
    review().send('lesson', { lesson: Number(button.dataset.lesson), decision: button.dataset.decision, ...fields });
  }

  const actions = {
    next: () => move(1),
    previous: () => move(-1),
    bad: () => ns.marks.bad(review().at),
    fine: () => ns.marks.fine(review().at),
    rate: (event) => ns.marks.rate(review().at, { '-': -1, 0: 0, '+': 1, '=': 1 }[event.key], { byKey: true }),
    moveBad: (event) => ns.marks.moveBad(event.key === 'J' ? 1 : -1),
    yes: () => ns.marks.answer(true) || take(),
    no: () => ns.marks.answer(false) || review().say('No question is open. Press m to search by halving.', 'warn'),
    protocol: () => ns.marks.next(),
    alternative: () => alternative(review().at),
    final: () => ns.marks.nextFinal(),
    number,
    why,
    names: () => ns.transcript.goTo(),
    correct: () => ns.focusField('rv-text'),
    rewrite,
    changes: () => ns.changes.goTo(),
    everywhere: () => ns.changes.spreadOne(),
    retry: () => decide('retry'),
    leave: () => document.activeElement?.blur(),
    accept: () => decide('accept'),
    submit: () => decide('submit'),
    cannot_judge: () => decide('cannot_judge'),
    skip,
    flag,
    undo,
    done,
    takeReview: (event) => ns.adjudication.take(event.key),
    mergeReviews: () => ns.adjudication.merge(),
    reason: () => ns.focusField('rv-reason'),
  };
  const buttons = {
    ...actions,
    bad: (button) => ns.marks.bad(Number(button.dataset.step)),
    fine: (button) => ns.marks.fine(Number(button.dataset.step)),
    rate: (button) => ns.marks.rate(Number(button.dataset.step), Number(button.dataset.rating)),
    unmark: () => { const at = item()?.form.first_wrong_step; if (ns.marks.place(null)) review().focusStep(at); },
    take,
    yes: () => ns.marks.answer(true),
    no: () => ns.marks.answer(false),
    back: undo,
    protocol: (button) => ns.marks.use(button.dataset.protocol),
    final: (button) => ns.marks.finalAnswer(button.dataset.right === 'true'),
    alternative: (button) => (button.dataset.at ? ns.editAlternative(Number(button.closest('.rv-step').dataset.step), Number(button.dataset.at)) : alternative(Number(button.dataset.step))),
    label: (button) => choose(button.dataset.label),
    vote: (button) => review().send('vote', { retrieval: Number(button.dataset.retrieval), vote: button.getAttribute('aria-pressed') === 'true' ? null : button.dataset.vote }),
    lesson: decideLesson,
    name: (button) => ns.transcript.name(button),
    whole: (button) => ns.transcript.whole(button),
    edit: (button) => ns.changes.toggle(Number(button.dataset.edit)),
    everywhere: (button) => ns.changes.everywhere(Number(button.dataset.edit)),
    reask: () => review().send('reask'),
    discard: (button) => review().send('discard', { draft: Number(button.dataset.draft) }),
    split: () => decide('split'),
    'take-review': (button) => ns.adjudication.take(button.dataset.letter),
    'add-review': (button) => ns.adjudication.add(button.dataset.letter),
    sheet: () => ns.keys.open(),
    'next-item': () => review().send('open'),
    'close-lessons': () => review().send('close-lessons'),
  };

  const MARKING = new Set(['bad', 'fine', 'rate', 'final', 'protocol', 'take', 'label']);
  document.addEventListener('click', (event) => {
    if (!$('review')?.contains(event.target)) return;
    review().sync();
    const button = event.target.closest?.('[data-act]');
    if (button && !button.disabled && $('review').contains(button)) {
      buttons[button.dataset.act]?.(button);
      // A mark that was set by mouse or finger gives the focus back: Enter is for submitting, not for taking it away again.
      if (event.detail && MARKING.has(button.dataset.act) && document.activeElement === button) button.blur();
      return;
    }
    const step = event.target.closest?.('.rv-step');
    if (step && !event.target.closest('summary, button') && !String(getSelection())) review().focusStep(Number(step.dataset.step));
  });

  const synced = Object.fromEntries(Object.entries(actions).map(([name, act]) => [name, (event) => { review().sync(); return act(event); }]));
  const register = () => ns.keys.on('#review', synced);
  if (ns.keys) register();
  else document.addEventListener('DOMContentLoaded', register, { once: true });
})();
