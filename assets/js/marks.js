// What a person says of the steps, under each of three ways to review them, and how the page shows it.
// first_error: steps before the marked one are accepted, later ones are masked. per_step: each step is rated -1, 0 or +1.
// bisect: "is it fine up to here?" until the first wrong step is known, which the person then confirms.
(() => {
  'use strict';
  const ns = (window.Corrigenda = window.Corrigenda || {});
  const $ = (id) => document.getElementById(id);
  const review = () => ns.review;
  const item = () => ns.review.item;
  const steps = () => document.querySelectorAll('.rv-step').length;
  const PROTOCOLS = ['first_error', 'per_step', 'bisect'];
  const UNDONE = ['protocol', 'first_wrong_step', 'fine', 'ratings', 'answers', 'answer_right', 'label', 'took', 'error_type', 'text', 'rewrite', 'alternatives', 'takes'];
  const copy = (value) => JSON.parse(JSON.stringify(value));

  // ---- changes, each of which can be undone ------------------------------------------------------------------------
  function change(what) {
    const one = item();
    if (!one) return false;
    const before = copy(one.form);
    what(one.form);
    settle(one.form);
    const changed = UNDONE.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(one.form[name]));
    if (!changed.length) return false;
    one.undo.push(changed.map((name) => [name, before[name], copy(one.form[name])]));
    shown();
    return true;
  }

  // Words that were edited since stay; everything else goes back.
  function undo() {
    const one = item();
    for (const [name, before, after] of one.undo.pop()) if (!['text', 'rewrite'].includes(name) || one.form[name] === after) one.form[name] = before;
    if (!one.form.text && one.form.first_wrong_step !== finding()?.step) one.form.took = '';
    shown();
    if (searching(one.form)) review().focusStep(search(one.form).question);
  }

  function shown() {
    review().writeFields();
    review().touch();
  }

  function settle(form) {
    if (form.protocol === 'per_step') form.first_wrong_step = firstRatedWrong(form);
    const found = form.took ? finding() : null;
    if (!form.took || form.first_wrong_step === found?.step) return;
    form.took = '';
    // What the critic said is of its own step: it does not go with the mark. Words of the person stay.
    if (found && form.text === found.explanation) form.text = '';
    if (found && form.error_type === found.error) form.error_type = '';
  }

  function firstRatedWrong(form) {
    const wrong = Object.keys(form.ratings).filter((step) => form.ratings[step] === -1).map(Number);
    return wrong.length ? Math.min(...wrong) : null;
  }

  const isMasked = (form, index) => {
    if (form.protocol === 'per_step') return false;
    if (form.first_wrong_step !== null) return index > form.first_wrong_step;
    return form.protocol === 'bisect' && form.answers.length > 0 && index > search(form).high;
  };

  // ---- marks -------------------------------------------------------------------------------------------------------
  function bad(index) {
    const form = item()?.form;
    if (!form || index >= steps()) return;
    if (form.protocol === 'per_step') { rate(index, -1); return; }
    if (form.first_wrong_step !== null && isMasked(form, index)) {
      review().say('Step {n} is masked, because step {marked} is marked. Move the mark (J and K, or drag it), or press u.', 'warn', { n: index + 1, marked: form.first_wrong_step + 1 });
      return;
    }
    review().at = index;
    place(form.first_wrong_step === index ? null : index);
  }

  // Where the first bad step is; null takes the mark away.
  function place(index) {
    return change((form) => {
      if (form.protocol === 'per_step') {
        if (index !== null) form.ratings[index] = -1;
        return;
      }
      form.first_wrong_step = index;
      form.fine = form.fine.filter((one) => index === null || one < index);
    });
  }

  function moveBad(by) {
    const form = item()?.form;
    if (!form || form.protocol === 'per_step' || form.first_wrong_step === null) {
      if (form?.protocol === 'per_step') review().say('Each step has its own rating here: nothing moves.', 'warn');
      else review().say('No step is marked yet. Press x at the first bad one.', 'warn');
      return;
    }
    const to = Math.min(Math.max(form.first_wrong_step + by, 0), steps() - 1);
    if (place(to)) review().focusStep(to);
  }

  function fine(index) {
    const form = item()?.form;
    if (!form || index >= steps()) return;
    if (form.protocol === 'per_step') { rate(index, 1); return; }
    if (isMasked(form, index)) return;
    review().at = index;
    change(() => {
      const known = form.fine.includes(index);
      form.fine = known ? form.fine.filter((one) => one !== index) : [...form.fine, index].sort((a, b) => a - b);
      if (!known && form.first_wrong_step === index) form.first_wrong_step = null;
    });
  }

  // PRM800K's coding; the same rating again takes it away. By key the next step follows, so that a run of steps is a run of keys.
  function rate(index, rating, { byKey = false } = {}) {
    const form = item()?.form;
    if (!form || index >= steps()) return;
    if (form.protocol !== 'per_step') { review().say('Steps are rated one by one under “Each step”. Press m to go there.', 'warn'); return; }
    review().at = index;
    const again = form.ratings[index] === rating;
    change(() => { if (again) delete form.ratings[index]; else form.ratings[index] = rating; });
    if (byKey && !again && rating !== -1 && index + 1 < steps()) review().focusStep(index + 1);
  }

  const finalAnswer = (right) => change((form) => { form.answer_right = form.answer_right === right ? null : right; });
  const nextFinal = () => { if ($('rv-final-says')) change((form) => { form.answer_right = form.answer_right === null ? true : form.answer_right ? false : null; }); };

  // ---- the three ways ----------------------------------------------------------------------------------------------
  function use(protocol) {
    const one = item();
    if (!one || !steps() || one.form.protocol === protocol) return;
    change((form) => {
      if (protocol === 'per_step') form.ratings = ratingsOf(form);
      else if (form.protocol === 'per_step') form.fine = Object.keys(form.ratings).map(Number).filter((step) => form.ratings[step] === 1 && (form.first_wrong_step === null || step < form.first_wrong_step));
      form.protocol = protocol;
    });
    ns.review.protocol = protocol;
    if (protocol === 'bisect' && one.form.first_wrong_step !== null) review().say('Halving: step {n} is marked already. Unmark it to search.', '', { n: one.form.first_wrong_step + 1 });
    else review().say(HOW[protocol].says);
    if (searching(one.form)) review().focusStep(search(one.form).question);
  }

  const HOW = {
    first_error: { says: 'First error: mark the first bad step (x). Those before it are accepted, those after it masked.' },
    per_step: { says: 'Each step: rate it wrong (-), neutral (0) or right (+).' },
    bisect: { says: 'Halving: is it fine up to here? Yes (y) or no (n).' },
  };

  // What the marks say of each step; a neutral rating from before stays.
  function ratingsOf(form) {
    const to = form.first_wrong_step;
    const found = {};
    for (let step = 0; step < steps(); step += 1) {
      if (step === to) found[step] = -1;
      else if ((to !== null && step < to) || form.fine.includes(step)) found[step] = form.ratings[step] === 0 ? 0 : 1;
    }
    return found;
  }

  const search = (form) => ns.bisection(steps(), form.answers);
  const searching = (form) => form.protocol === 'bisect' && form.first_wrong_step === null && steps() > 0 && search(form).question !== null;

  // Returns whether there was a question to answer.
  function answer(isFine) {
    const form = item()?.form;
    if (!form || !searching(form)) return false;
    change(() => {
      form.answers = [...form.answers.slice(0, search(form).asked), isFine];
      const { firstError } = search(form);
      if (firstError !== null && firstError >= 0) form.first_wrong_step = firstError;
    });
    const { question } = search(form);
    review().focusStep(question ?? form.first_wrong_step ?? steps() - 1);
    return true;
  }

  // ---- the critics' finding ----------------------------------------------------------------------------------------
  function finding() {
    const data = $('rv-finding')?.dataset;
    return data ? { step: Number(data.step), source: data.source, error: data.error, explanation: data.explanation } : null;
  }

  // The step, the kind of error, and the reason as a proposal where nothing was typed yet.
  function take() {
    const found = finding();
    if (!found || !item()) return;
    if (item().form.took && item().form.first_wrong_step === found.step) return;
    change((form) => {
      if (form.protocol === 'per_step') form.ratings[found.step] = -1;
      else Object.assign(form, { first_wrong_step: found.step, fine: form.fine.filter((one) => one < found.step) });
      if (found.error) form.error_type = found.error;
      if (!form.text.trim() && found.explanation) form.text = found.explanation;
      form.first_wrong_step = form.protocol === 'per_step' ? firstRatedWrong(form) : found.step;
      form.took = found.source;
    });
    review().focusStep(found.step);
  }

  // ---- the page ----------------------------------------------------------------------------------------------------
  const SAYS = {
    bad: { says: ', first bad step' }, fine: { says: ', fine' }, neutral: { says: ', neutral' }, wrong: { says: ', wrong' }, masked: { says: ', masked' },
  };

  function stateOf(form, index) {
    if (form.protocol === 'per_step') {
      const rating = form.ratings[index];
      return rating === undefined ? '' : rating === 1 ? 'fine' : rating === 0 ? 'neutral' : index === form.first_wrong_step ? 'bad' : 'wrong';
    }
    if (index === form.first_wrong_step) return 'bad';
    if (isMasked(form, index)) return 'masked';
    const known = form.protocol === 'bisect' && form.first_wrong_step === null && index < search(form).low;
    return known || form.fine.includes(index) || (form.first_wrong_step !== null && index < form.first_wrong_step) ? 'fine' : '';
  }

  function draw() {
    if (!item()) return;
    const { form } = item();
    const asked = searching(form) ? search(form) : null;
    $('rv-steps')?.setAttribute('data-protocol', form.protocol);
    for (const step of document.querySelectorAll('.rv-step')) {
      const index = Number(step.dataset.step);
      const state = stateOf(form, index);
      step.dataset.state = state;
      step.classList.toggle('rv-at', index === review().at);
      step.classList.toggle('rv-asked', asked !== null && index >= asked.low && index <= asked.question);
      step.classList.toggle('rv-until', asked !== null && index === asked.question);
      step.querySelector('.rv-step-state').textContent = state ? say(SAYS[state].says) : '';
      for (const button of step.querySelectorAll('.rv-mark')) button.disabled = state === 'masked';
      const press = (name, on) => step.querySelector(name).setAttribute('aria-pressed', String(on));
      press('[data-act=bad]', state === 'bad');
      press('[data-act=fine]', form.fine.includes(index));
      for (const rating of [-1, 0, 1]) press(`[data-rating="${rating}"]`, form.ratings[index] === rating);
    }
    drawChoices(form);
    drawSearch(form, asked);
    ns.drawMarker?.(form);
    ns.drawAlternatives?.(form);
    $('rv-marked') && ($('rv-marked').textContent = marked(form));
  }

  function drawChoices(form) {
    const press = (node, on) => node.setAttribute('aria-pressed', String(on));
    for (const choice of document.querySelectorAll('.rv-choice')) press(choice, choice.dataset.label === form.label);
    for (const choice of document.querySelectorAll('.rv-protocol')) press(choice, choice.dataset.protocol === form.protocol);
    for (const choice of document.querySelectorAll('[data-act=final]')) press(choice, String(form.answer_right) === choice.dataset.right);
    const took = Boolean(form.took);
    const offer = document.querySelector('[data-act=take]');
    if (offer) {
      press(offer, took);
      offer.firstChild.textContent = `${took ? say('Taken') : say('Take it')} `;
    }
    if ($('rv-took')) {
      $('rv-took').hidden = !took || !form.text.trim();
      $('rv-took').textContent = took ? say('From the critic “{critic}”: make it your own words.', { critic: form.took.replaceAll('_', ' ') }) : '';
    }
  }

  function drawSearch(form, asked) {
    const box = $('rv-search');
    if (!box) return;
    box.hidden = form.protocol !== 'bisect';
    for (const id of ['rv-search-yes', 'rv-search-no']) $(id).hidden = asked === null;
    $('rv-search-back').disabled = !form.answers.length;
    const says = searchSays(form, asked);
    if ($('rv-search-says').textContent !== says) $('rv-search-says').textContent = says;
  }

  function searchSays(form, asked) {
    if (asked) return say('Is it fine up to step {n}, itself included? Question {k} of at most {most}.', { n: asked.question + 1, k: asked.asked + 1, most: ns.mostQuestions(steps()) });
    if (form.first_wrong_step !== null) return say('Step {n} is the first bad one. Say why (c), then submit (Enter).', { n: form.first_wrong_step + 1 });
    const { firstError } = search(form);
    if (firstError === -1) return say('By your answers every step is fine. Accept the answer (a), or go back (u).');
    return say('Your answers lead to step {n}, which is not marked. Mark it (x), or go back (u).', { n: firstError + 1 });
  }

  function marked(form) {
    if (item().labels.length) return form.label ? say('You say: {label}.', { label: form.label }) : say('Choose the right label, or accept the model’s.');
    if (form.protocol === 'per_step') {
      const rated = Object.keys(form.ratings).length;
      const first = form.first_wrong_step === null ? '' : ` ${say('Step {n} is the first wrong one.', { n: form.first_wrong_step + 1 })}`;
      return `${say('{n} of {all} steps rated.', { n: rated, all: steps() })}${first}`;
    }
    return form.first_wrong_step === null ? say('No step is marked.') : say('Step {n} is marked as the first bad one.', { n: form.first_wrong_step + 1 });
  }

  ns.marks = {
    PROTOCOLS, change, undo, bad, fine, rate, place, moveBad, finalAnswer, nextFinal, use, answer, take, finding, draw, drawChoices, searching, search,
    next: () => item() && use(PROTOCOLS[(PROTOCOLS.indexOf(item().form.protocol) + 1) % PROTOCOLS.length]),
    canMove: (form) => form.protocol !== 'per_step' && form.first_wrong_step !== null,
  };
})();
