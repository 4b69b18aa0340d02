// The review page in the browser: what is marked and typed for the item on screen, and the events that go to the server.
// Gradio patches our HTML in place, so fields keep their content when the item changes: everything a person can change is
// written into the page from `item.form`, and nothing is read back from another item's fields.
(() => {
  'use strict';
  const ns = (window.Corrigenda = window.Corrigenda || {});
  const $ = (id) => document.getElementById(id);
  const NO_MARKS = () => ({ first_wrong_step: null, fine: [], ratings: {}, answers: [], answer_right: null, took: '' });
  const BLANK = () => ({ output: 0, text: '', error_type: '', scope: 'skill', dependency: 'last', handled: false, rewrite: null, label: '', protocol: 'first_error', alternatives: [], reason: '', takes: 0, split: '', seconds: 0, ...NO_MARKS() });
  const page = (ns.review = { item: null, send, rendered, sync, open, touch, say: tell, at: 0, busy: '', protocol: '' });

  // ---- events to and from the server -------------------------------------------------------------------------------
  function send(action, extra = {}) {
    if (!page.bus) { tell(say('The page is still loading. Try again in a moment.'), 'warn'); return false; }
    const { assignment = 0, output = 0, token = '' } = page.item || {};
    if (action !== 'similar') ns.restClaim?.();
    const act = () => page.bus('act', { action, query: location.search, assignment, output, token, ...extra });
    if (action === 'similar') { hold(); act(); } else if (held) held.then(act); else act();
    return true;
  }

  // Gradio's page loses the answer to an event that is sent in the moment in which another one's arrives. The one that a person does
  // not start is the search for similar corrections: what they press meanwhile waits for it, and no longer than HELD_MS.
  const HELD_MS = 1200;
  let held = null;
  let release = () => {};
  function hold() {
    release();
    const mine = new Promise((done) => {
      const end = () => { if (held === mine) held = null; done(); };
      release = end;
      setTimeout(end, HELD_MS);
    });
    held = mine;
  }

  // Each of our blocks calls this after Gradio has drawn it.
  function rendered(block) {
    if (block === 'composer') readComposer();
    if (block === 'answer' || block === 'composer') { drawMarks(); land(); }
    if (block === 'notice') heed($('rv-notice-body'));
    if (block === 'compare') ns.adjudication?.shown();
    if (block === 'lessons') freshLessons();
    if (block === 'similar') release();
  }

  // A key or a click may come after an item is drawn and before we are told: what is on the screen is what it is meant for.
  function sync() {
    heed($('rv-notice-body'));
    readComposer();
  }

  function heed(notice) {
    if (!notice || notice.dataset.serial === page.serial) return;
    page.serial = notice.dataset.serial;
    page.busy = '';
    const { outcome, assignment, field } = notice.dataset;
    const mine = page.item && String(page.item.assignment) === assignment;
    if (['submitted', 'left'].includes(outcome)) ns.forgetDraft?.(assignment);
    if (outcome === 'submitted' || outcome === 'left') page.settled = assignment;
    if (mine && outcome === 'stored') clearForm();
    if (mine && outcome === 'lost') ns.lostClaim?.(notice.textContent);
    if (field && $(field)) ns.focusField(field);
    fade();
  }

  // Says something in the page's language without asking the server; the next answer of the server replaces it.
  function tell(text, tone = '', values = {}) {
    const notice = $('rv-notice-body');
    if (!notice) return;
    notice.textContent = say(text, values);
    notice.className = text ? `rv-notice banner ${tone}` : 'rv-notice';
    fade();
  }

  // What went well need not stay; what stands in the way stays until the next answer.
  function fade() {
    clearTimeout(page.fading);
    const notice = $('rv-notice-body');
    if (!notice?.matches('.bad, .warn')) page.fading = setTimeout(() => tell(''), 8000);
  }

  // ---- one item ----------------------------------------------------------------------------------------------------
  function readComposer() {
    const form = $('rv-form');
    if (!form) { leaveItem(); return; }
    const assignment = Number(form.dataset.assignment);
    const output = Number(form.dataset.output);
    if (page.item && page.item.assignment === assignment && page.item.token === form.dataset.token) {
      if (page.item.output !== output) newAttempt(output);
      return;
    }
    leaveItem();
    open(form, assignment, output);
  }

  function open(form, assignment, output) {
    const server = JSON.parse(form.dataset.draft);
    const item = (page.item = {
      assignment, output, token: form.dataset.token, user: form.dataset.user, lease: Number(form.dataset.lease), heartbeat: Number(form.dataset.heartbeat),
      labels: JSON.parse(form.dataset.labels), form: { ...BLANK(), output, protocol: page.protocol || form.dataset.protocol }, undo: [], lost: false, landed: 0,
    });
    item.keeper = new ns.DraftKeeper({
      user: item.user, assignment, token: item.token, revision: server?.revision || 0, read: () => item.form,
      mark: (state, text) => { if (page.item === item) markSaved(state, text); },
      heard: (reply) => { if (page.item === item) handling(item, reply.handling); },
    });
    const kept = item.keeper.newest(server);
    if (kept) restore(item, kept);
    item.shownSince = document.hidden ? 0 : Date.now();
    page.at = item.form.first_wrong_step ?? 0;
    writeFields();
    ns.holdClaim?.(item);
    send('similar');
    land();
  }

  // Once an answer is on the page: to the step that is asked about, that was marked, or that the critics name. The first answer after
  // the page was opened takes the focus only for one of these.
  function land() {
    const { item } = page;
    const shown = $('rv-answer-body');
    if (!item || !shown || Number(shown.dataset.output) !== item.output || item.landed === item.output) return;
    const { form } = item;
    const first = !page.opened;
    page.opened = true;
    item.landed = item.output;
    const named = ns.marks.searching(form) ? ns.marks.search(form).question : form.first_wrong_step ?? ns.marks.finding()?.step ?? null;
    page.at = named ?? 0;
    if (!first || named !== null) focusStep(page.at);
    else drawMarks();
  }

  function restore(item, kept) {
    const { form } = item;
    Object.assign(form, Object.fromEntries(Object.entries(kept.body || {}).filter(([name]) => name in form)));
    if (form.output !== item.output) forgetMarks(form, item.output);
    const from = kept.local ? say('restored from this browser') : kept.revision ? say('draft restored') : say('as you submitted it');
    markSaved(kept.local ? 'saving' : 'saved', from);
    if (kept.local) item.keeper.touch();
  }

  function leaveItem() {
    if (!page.item) return;
    const { keeper, assignment } = page.item;
    keeper.close({ forget: String(assignment) === page.settled });
    ns.dropClaim?.();
    page.item = null;
  }

  // The same item with another answer: words stay, marks of the old answer's steps go.
  function newAttempt(output) {
    const { item } = page;
    item.output = output;
    forgetMarks(item.form, output);
    item.undo = [];
    page.at = 0;
    writeFields();
    if (hasWords(item.form)) touch();
    land();
  }

  function forgetMarks(form, output) {
    ns.carryAlternatives(form);
    Object.assign(form, NO_MARKS(), { output });
  }

  // The correction is stored as a row of its own: the form is free for the next one.
  function clearForm() {
    const { form } = page.item;
    const { seconds, label, protocol, alternatives } = form;
    Object.assign(form, BLANK(), { output: page.item.output, seconds, label, protocol, alternatives });
    page.item.undo = [];
    writeFields();
    touch();
    document.activeElement?.blur?.();
  }

  const hasWords = (form) => Boolean(form.text.trim() || form.reason.trim() || form.split.trim() || form.rewrite !== null || form.alternatives.some((one) => one[1].trim()));
  const marked = (form) => form.first_wrong_step !== null || form.fine.length || form.answers.length || Object.keys(form.ratings).length || form.answer_right !== null;
  const untouched = (form) => !hasWords(form) && !marked(form) && !form.label && !form.error_type;
  page.untouched = () => !page.item || untouched(page.item.form);

  function touch() {
    if (!page.item) return;
    page.item.keeper.touch();
  }

  function markSaved(state, text) {
    const mark = $('rv-saved');
    if (!mark) return;
    mark.dataset.state = state;
    if (mark.textContent !== text) mark.textContent = text;
  }

  // ---- the page from the form --------------------------------------------------------------------------------------
  const answerText = () => $('rv-answer-body')?.dataset.answer || '';

  function writeFields() {
    const { form } = page.item;
    for (const field of document.querySelectorAll('#rv-form [data-field]')) {
      const value = form[field.dataset.field];
      const shown = field.dataset.field === 'rewrite' ? value ?? '' : value;
      if (field.value !== shown) field.value = shown;
    }
    if ($('rv-rewrite-box')) $('rv-rewrite-box').open = form.rewrite !== null;
    if (!form.text.trim()) $('rv-handling').textContent = '';
    ns.changes.draw();
    drawMarks();
  }

  const drawMarks = () => ns.marks.draw();

  function handling(item, proposed) {
    const { form } = item;
    if (!proposed || form.handled || !form.text.trim()) return;
    form.scope = proposed.scope;
    form.dependency = proposed.dependency;
    $('rv-scope').value = form.scope;
    $('rv-dependency').value = form.dependency;
    $('rv-handling').textContent = say('Proposed: {why}.', { why: reasons(proposed.why) });
  }

  // The API gives its reasons in English: those of core/lessons/handling.py, with what the person wrote in quotation marks.
  const REASONS = [
    { says: '“{words}” asks to begin again' }, { says: '“{words}” asks to carry on as planned' }, { says: '“{words}” states a rule for every answer' },
    { says: '“{words}” is about the answer as a whole' }, { says: '“{words}” names a step' }, { says: '“{words}” is about what comes first' },
    { says: '“{words}” says that something was left out' }, { says: 'step {n} is marked' }, { says: '“{words}” is about one place' },
    { says: '“{words}” sets a value' }, { says: 'nothing in it reaches beyond one place' }, { says: 'it stands by itself' },
    { says: 'it needs the attempt up to step {n}' }, { says: '“{words}” refers to the attempt' }, { says: 'it is about the attempt' },
  ];
  function reasons(why) {
    return why.split('; ').map((part) => {
      const words = /^“(.*)”/s.exec(part)?.[1];
      const n = words ? undefined : /\bstep (\d+)/.exec(part)?.[1];
      const plain = words ? part.replace(words, () => '{words}') : part.replace(/\bstep \d+/, 'step {n}');
      return REASONS.some((one) => one.says === plain) ? say(plain, { words, n }) : part;
    }).join('; ');
  }

  function focusStep(index) {
    const step = $(`rv-step-${index}`);
    if (!step) { document.activeElement?.blur?.(); return; }
    page.at = index;
    drawMarks();
    step.focus({ preventScroll: true });
    step.scrollIntoView({ block: 'nearest' }); // at once: the next key may come before a slow scroll ends
  }
  Object.assign(page, { focusStep, drawMarks, answerText, writeFields });

  // Other lessons in the same fields: what was typed for the ones before must not stay.
  const seen = new WeakMap();
  function freshLessons() {
    for (const card of document.querySelectorAll('.rv-lesson')) {
      if (seen.get(card) === card.dataset.lesson) continue;
      seen.set(card, card.dataset.lesson);
      for (const field of card.querySelectorAll('textarea')) field.value = field.defaultValue;
      for (const field of card.querySelectorAll('select')) field.value = [...field.options].find((one) => one.defaultSelected)?.value || field.value;
    }
  }

  // ---- typing ------------------------------------------------------------------------------------------------------
  document.addEventListener('input', (event) => {
    const name = event.target.dataset?.field;
    if (!name || !page.item || !event.target.closest('#rv-form')) return;
    const { form } = page.item;
    form[name] = event.target.value;
    if (name === 'scope' || name === 'dependency') { form.handled = true; $('rv-handling').textContent = ''; }
    if (name === 'rewrite') ns.changes.draw();
    if (name === 'text') ns.marks.drawChoices(form);
    touch();
  });
  document.addEventListener('toggle', (event) => {
    if (event.target.id === 'rv-rewrite-box' && page.item) ns.rewriteToggled?.(event.target.open);
  }, true);
  document.addEventListener('submit', (event) => { if (event.target.id === 'rv-form') event.preventDefault(); });
  document.addEventListener('visibilitychange', () => {
    const { item } = page;
    if (!item) return;
    if (document.hidden) page.spent();
    else item.shownSince = Date.now();
  });
  // Seconds that the item was on screen.
  page.spent = () => {
    const { item } = page;
    if (item.shownSince) item.form.seconds += (Date.now() - item.shownSince) / 1000;
    item.shownSince = document.hidden ? 0 : Date.now();
    return item.form.seconds;
  };

  window.addEventListener('corrigenda:bus', (event) => { page.bus = event.detail; start(); });
  window.addEventListener('corrigenda:rendered', (event) => rendered(event.detail));
  function start() { for (const block of ['composer', 'answer', 'notice', 'lessons']) rendered(block); }
  if (window.corrigendaBus) { page.bus = (name, data) => window.corrigendaBus(name, data); start(); }
})();
