// The changes of a rewrite, under it: each is taken or left out by a press, made wherever the same words stand, or limited all together.
// The rewrite is what counts and what is sent; every press can be undone.
(() => {
  'use strict';
  const ns = (window.Corrigenda = window.Corrigenda || {});
  const $ = (id) => document.getElementById(id);
  const review = () => ns.review;
  const form = () => review().item.form;
  const MOST_OFFERS = 5;
  let shown = null; // {item, source, edits, off: edits that are left out, most: percent of a step that may change}
  let known = new Map(); // the same for texts that a press led to or away from, so that undoing brings what was left out back
  let dragged = null; // the text and the changes before the slider was touched

  const taken = (one) => one.edits.filter((edit) => !one.off.has(edit));
  const textOf = (one) => ns.edits.apply(one.source, taken(one));
  const words = (edit) => [shown.source.slice(edit.start, edit.end), edit.come];
  const same = (a, b) => String(words(a)) === String(words(b));
  const apart = (a, b) => a.start !== b.start && (a.end <= b.start || b.end <= a.start);

  // The changes that the rewrite on screen stands for.
  function current() {
    const { item } = review();
    const source = review().answerText();
    if (shown?.item !== item || shown.source !== source) { shown = null; known = new Map(); }
    if (shown && textOf(shown) === form().rewrite) return shown;
    dragged = null;
    const before = shown;
    shown = known.get(form().rewrite) || { item, source, edits: ns.edits.extract(source, form().rewrite), off: new Set(), most: 100 };
    // While somebody types on, what they left out before stays to be taken.
    if (before && document.activeElement === $('rv-rewrite') && !known.has(form().rewrite)) withOff(shown, before.off);
    return shown;
  }

  function withOff(one, off) {
    const free = [...off].filter((edit) => one.edits.every((other) => apart(edit, other)));
    one.edits = [...one.edits, ...free].sort((a, b) => a.start - b.start || a.end - b.end);
    one.off = new Set(free);
  }

  function segments(source) {
    const found = [];
    let at = 0;
    for (const step of document.querySelectorAll('.rv-step-text')) {
      const start = source.indexOf(step.textContent, at);
      if (start < 0 || !step.textContent) continue;
      at = start + step.textContent.length;
      found.push([start, at]);
    }
    return found.length ? found : [[0, source.length]];
  }

  function use(next) {
    const text = textOf(next);
    known.set(form().rewrite, shown).set(text, next);
    shown = next;
    if (!ns.marks.change((one) => { one.rewrite = text; })) draw();
  }

  // ---- what a person presses ---------------------------------------------------------------------------------------
  function toggle(number) {
    const one = current();
    const edit = one.edits[number];
    if (!edit) return;
    const both = one.edits.filter((other) => other === edit || (edit.move !== undefined && other.move === edit.move));
    const off = new Set(one.off);
    for (const other of both) if (one.off.has(edit)) off.delete(other); else off.add(other);
    use({ ...one, off });
  }

  function everywhere(number) {
    const one = current();
    const edit = one.edits[number];
    if (!edit) return;
    const next = { ...one, edits: ns.edits.spread(one.source, taken(one), edit), off: new Set() };
    const places = next.edits.filter((other) => same(other, edit)).length;
    withOff(next, one.off);
    use(next);
    review().say('Changed at all {n} places. Press u to take it back.', '', { n: places });
  }

  // The key: the change that has the focus, else the first that could be made elsewhere.
  function spreadOne() {
    const focused = document.activeElement?.closest?.('#rv-all [data-edit], #rv-diff .rv-edit');
    const offers = [...document.querySelectorAll('#rv-all [data-edit]')];
    const one = review().item && form().rewrite !== null && current();
    const offer = focused && one ? offers.find((button) => same(one.edits[button.dataset.edit], one.edits[focused.dataset.edit])) : offers[0];
    if (offer) everywhere(Number(offer.dataset.edit));
    else review().say('No change of the rewrite could be made at other places too.', 'warn');
  }

  function goTo() {
    const first = document.querySelector('#rv-diff .rv-edit[tabindex="0"]');
    if (first && !$('rv-changes').hidden) { $('rv-rewrite-box').open = true; first.focus(); }
    else review().say('There is no change yet. Rewrite the answer first (e).', 'warn');
  }

  function slide(most) {
    const one = current();
    dragged ||= { text: form().rewrite, one };
    const kept = new Set(ns.edits.limited(groups(one), most / 100));
    shown = { ...one, most, off: new Set(one.edits.filter((edit) => !kept.has(edit))) };
    form().rewrite = $('rv-rewrite').value = textOf(shown);
    draw();
  }

  function slid() {
    if (!dragged || !review().item) return;
    const next = shown;
    form().rewrite = dragged.text;
    shown = dragged.one;
    dragged = null;
    use(next);
  }

  const weights = new WeakMap(); // of lists of edits: weighing takes longer than a step of the slider may
  function groups(one) {
    if (!weights.has(one.edits)) weights.set(one.edits, ns.edits.weighed(one.source, one.edits, segments(one.source)));
    return weights.get(one.edits);
  }

  // ---- the page ----------------------------------------------------------------------------------------------------
  const made = (tag, properties, ...children) => { const one = Object.assign(document.createElement(tag), properties); one.append(...children); return one; };

  function draw() {
    const box = $('rv-changes');
    if (!box) return;
    const one = review().item && form().rewrite !== null ? current() : null;
    box.hidden = !one?.edits.length;
    if (box.hidden) { $('rv-diff').replaceChildren(); return; }
    const focused = document.activeElement?.closest?.('#rv-diff .rv-edit')?.dataset.edit;
    const offered = document.activeElement?.closest?.('#rv-all');
    spell(one, Number(focused ?? $('rv-diff').dataset.at ?? 0));
    offer(one);
    $('rv-limit-row').hidden = one.edits.length < 2;
    $('rv-limit').value = one.most;
    const n = one.most;
    const said = segments(one.source).length > 1 ? say('{n} % of a step', { n }) : say('{n} % of the text', { n });
    $('rv-limit').setAttribute('aria-valuetext', said);
    $('rv-limit-says').textContent = said;
    const left = one.off.size;
    const all = one.edits.length;
    $('rv-changes-says').textContent = left ? say('{n} of {all} changes are taken.', { n: all - left, all }) : sayCount(all, '{n} change.', '{n} changes.');
    if (focused !== undefined || (offered && !$('rv-all').contains(document.activeElement))) document.querySelector('#rv-diff .rv-edit[tabindex="0"]')?.focus({ preventScroll: true });
  }

  function spell(one, at) {
    const nodes = [];
    let done = 0;
    one.edits.forEach((edit, number) => {
      nodes.push(made('span', { textContent: one.source.slice(done, edit.start) }), button(one, edit, number));
      done = edit.end;
    });
    nodes.push(made('span', { textContent: one.source.slice(done) }));
    $('rv-diff').replaceChildren(...nodes);
    const buttons = $('rv-diff').querySelectorAll('.rv-edit');
    point(buttons[Math.min(Math.max(at, 0), buttons.length - 1)]);
  }

  // Words that run over lines: a real button would be a box that does not break.
  function button(one, edit, number) {
    const [gone, come] = words(edit);
    const on = !one.off.has(edit);
    const says = !gone ? say('“{come}” is put in', { come }) : !come ? say('“{gone}” is taken out', { gone }) : say('“{gone}” becomes “{come}”', { gone, come });
    const parts = [gone && made(on ? 'del' : 'span', { textContent: gone }), come && made(on ? 'ins' : 's', { textContent: come })];
    const node = made('span', { className: 'rv-edit', tabIndex: -1, title: on ? say('Leave this change out') : say('Take this change') }, ...parts.filter(Boolean));
    if (!(gone + come).trim()) node.classList.add('rv-edit-blank');
    for (const [name, value] of Object.entries({ role: 'button', 'aria-pressed': on, 'aria-label': says })) node.setAttribute(name, value);
    Object.assign(node.dataset, { act: 'edit', edit: number });
    return node;
  }

  function point(node) {
    for (const other of $('rv-diff').querySelectorAll('.rv-edit')) other.tabIndex = other === node ? 0 : -1;
    if (node) $('rv-diff').dataset.at = node.dataset.edit;
  }

  function offer(one) {
    const on = taken(one);
    const firsts = on.filter((edit, at) => on.findIndex((other) => same(edit, other)) === at);
    const rows = [];
    for (const edit of firsts) {
      const further = ns.edits.spread(one.source, on, edit).length - on.length;
      if (!further || rows.length === MOST_OFFERS) continue;
      const all = on.filter((other) => same(edit, other)).length + further;
      const [gone, come] = words(edit).map((text) => (text.length > 40 ? `${text.slice(0, 39)}…` : text));
      const press = made('button', { type: 'button', className: 'rv-button small', textContent: say('Apply to all {n}', { n: all }) });
      Object.assign(press.dataset, { act: 'everywhere', edit: one.edits.indexOf(edit) });
      const says = come ? say('“{gone}” becomes “{come}”', { gone, come }) : say('“{gone}” is taken out', { gone });
      const more = sayCount(further, 'it stands at {n} more place.', 'it stands at {n} more places.');
      rows.push(made('li', {}, press, made('span', { className: 'small', textContent: `${says}: ${more}` })));
    }
    if (rows.length) rows[0].firstChild.append(' ', made('kbd', { textContent: 'l' }));
    $('rv-all').replaceChildren(...rows);
  }

  // Before the keys of the page: Enter on a change is a press, not a submission.
  document.addEventListener('keydown', (event) => {
    const node = event.target.closest?.('#rv-diff .rv-edit');
    if (!node || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by) {
      const all = [...$('rv-diff').querySelectorAll('.rv-edit')];
      const next = all[all.indexOf(node) + by];
      if (next) { point(next); next.focus(); }
    } else if (event.key === 'Enter' || event.key === ' ') {
      if (!event.repeat) toggle(Number(node.dataset.edit));
    } else return;
    event.preventDefault();
  }, true);
  document.addEventListener('input', (event) => { if (event.target.id === 'rv-limit' && review().item) slide(Number(event.target.value)); });
  document.addEventListener('change', (event) => { if (event.target.id === 'rv-limit') slid(); });

  ns.changes = { draw, toggle, everywhere, spreadOne, goTo };
})();
