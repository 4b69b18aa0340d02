// Transcripts on the review page: one click puts a name, or a whole hypothesis, into the rewrite. Nothing is sent before the person submits.
(() => {
  'use strict';
  const ns = (window.Corrigenda = window.Corrigenda || {});
  const $ = (id) => document.getElementById(id);
  const WORD = /[\p{L}\p{N}_]/u;

  // Opens the rewrite where it is closed, and has the page treat the new text as typed.
  function write(change) {
    const field = $('rv-rewrite');
    if (!field || !ns.review.item) return false;
    $('rv-rewrite-box').open = true;
    ns.rewriteToggled(true);
    const text = change(field.value);
    if (text === null) return false;
    field.value = text;
    field.dispatchEvent(new Event('input', { bubbles: true }));
    return true;
  }

  // Where the span stands as whole words, nearest to where it stood in the answer; -1 for nowhere.
  function placeOf(text, span, start) {
    let best = -1;
    for (let at = text.indexOf(span); at >= 0; at = text.indexOf(span, at + 1)) {
      const inside = WORD.test(text[at - 1] || '') || WORD.test(text[at + span.length] || '');
      if (!inside && (best < 0 || Math.abs(at - start) < Math.abs(best - start))) best = at;
    }
    return best;
  }

  function name(button) {
    const { right, span, start } = button.dataset;
    const done = write((text) => {
      const at = placeOf(text, span, Number(start));
      return at < 0 ? null : text.slice(0, at) + right + text.slice(at + span.length);
    });
    if (done) ns.review.say('“{name}” stands in the rewrite.', '', { name: right });
    else ns.review.say('“{name}” is not in the rewrite any more.', 'warn', { name: span });
  }

  function whole(button) {
    if (write(() => button.dataset.text)) ns.review.say('The rewrite has this text now.');
  }

  function goTo() {
    const first = document.querySelector('#rv-names [data-act=name]') || $('rv-names');
    if (first) first.focus();
    else ns.review.say('Names are listed for transcripts alone.', 'warn');
  }

  // The worker's word comes later: meaning has a quarter of the score, and the nearest name stays first.
  function weigh() {
    const list = document.querySelector('#rv-names ul');
    const said = $('rv-meanings');
    if (!list || !said || said.dataset.output !== $('rv-answer-body')?.dataset.output) return;
    const meanings = JSON.parse(said.dataset.meanings);
    for (const row of list.children) {
      const meaning = meanings[row.dataset.lesson];
      if (meaning === undefined) continue;
      row.querySelector('.rv-alike').textContent = Math.round((3 * Number(row.dataset.alike) + meaning) / 4);
      row.querySelector('.rv-meaning').textContent = say('meaning {n} %, ', { n: meaning });
    }
    const focused = document.activeElement;
    const alike = (row) => Number(row.querySelector('.rv-alike').textContent) + (row.querySelector('.rv-disputed') ? 10 : 0);
    list.append(...[...list.children].sort((a, b) => alike(b) - alike(a)));
    if (list.contains(focused)) focused.focus();
  }
  window.addEventListener('corrigenda:rendered', (event) => { if (['similar', 'answer'].includes(event.detail)) weigh(); });

  ns.transcript = { name, whole, goTo };
})();
