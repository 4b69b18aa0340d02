// Every key of the review page, once: what it does and how the `?` sheet describes it.
// A page hands its actions to Corrigenda.keys.on(selector, {action: function}); they work while the selector is on the page,
// and every other key stays the browser's.
// Keys rest while somebody types, composes with an input method, holds a modifier, or has a dialog open.
(() => {
  'use strict';

  const TABLE = [
    { group: 'Steps', keys: ['j', 'ArrowDown'], show: 'j ↓', action: 'next', says: 'next step' },
    { group: 'Steps', keys: ['k', 'ArrowUp'], show: 'k ↑', action: 'previous', says: 'step before' },
    { group: 'Steps', keys: ['x', 'b'], show: 'x b', action: 'bad', says: 'this is the first bad step' },
    { group: 'Steps', keys: ['J', 'K'], show: 'J K', action: 'moveBad', says: 'move the bad mark down or up' },
    { group: 'Steps', keys: ['g'], show: 'g', action: 'fine', says: 'this step is fine' },
    { group: 'Steps', keys: ['-', '0', '+', '='], show: '- 0 +', action: 'rate', says: 'rate each step: wrong, neutral, right' },
    { group: 'Steps', keys: ['y'], show: 'y', action: 'yes', says: 'take the critics’ finding; halving: fine up to here' },
    { group: 'Steps', keys: ['n'], show: 'n', action: 'no', says: 'halving: not fine up to here' },
    { group: 'Steps', keys: ['m'], show: 'm', action: 'protocol', says: 'first error, each step, or halving' },
    { group: 'Steps', keys: ['i'], show: 'i', action: 'alternative', says: 'write an alternative for this step' },
    { group: 'Steps', keys: ['1', '2', '3', '4', '5', '6', '7', '8', '9'], show: '1–9', action: 'number', says: 'go to that step, or choose that label' },
    { group: 'Steps', keys: ['w'], show: 'w', action: 'why', says: 'why this risk' },
    { group: 'Steps', keys: ['v'], show: 'v', action: 'names', says: 'transcripts: go to the names that sound alike' },
    { group: 'Correction', keys: ['c'], show: 'c', action: 'correct', says: 'say what is wrong' },
    { group: 'Correction', keys: ['e'], show: 'e', action: 'rewrite', says: 'rewrite the answer' },
    { group: 'Correction', keys: ['o'], show: 'o', action: 'changes', says: 'go to the changes of the rewrite; Enter leaves one out' },
    { group: 'Correction', keys: ['l'], show: 'l', action: 'everywhere', says: 'make the change at all places of the same words' },
    { group: 'Correction', keys: ['t'], show: 't', action: 'retry', says: 'let the model try again' },
    { group: 'Correction', keys: [], show: 'Esc', action: 'leave', says: 'leave a text field' },
    { group: 'Decision', keys: ['r'], show: 'r', action: 'final', says: 'the final answer is right, wrong, not said' },
    { group: 'Decision', keys: ['a'], show: 'a', action: 'accept', says: 'accept: nothing is wrong' },
    { group: 'Decision', keys: ['Enter'], show: 'Enter', action: 'submit', says: 'submit (Ctrl+Enter while typing)' },
    { group: 'Decision', keys: ['q'], show: 'q', action: 'cannot_judge', says: 'cannot judge: no correction needed' },
    { group: 'Decision', keys: ['s'], show: 's', action: 'skip', says: 'skip, with a reason' },
    { group: 'Decision', keys: ['f'], show: 'f', action: 'flag', says: 'flag for an expert, with a reason' },
    { group: 'Decision', keys: ['u'], show: 'u', action: 'undo', says: 'undo a mark or an answer, or reopen your last review' },
    { group: 'Decision', keys: ['d'], show: 'd', action: 'done', says: 'done: see the lessons' },
    { group: 'Adjudication', keys: ['A', 'B', 'C', 'D', 'E', 'F'], show: 'A–F', action: 'takeReview', says: 'adjudication: take that review' },
    { group: 'Adjudication', keys: ['M'], show: 'M', action: 'mergeReviews', says: 'adjudication: add the words of the other reviews' },
    { group: 'Adjudication', keys: ['W'], show: 'W', action: 'reason', says: 'adjudication: say why, for those who reviewed it' },
    { group: 'Help', keys: ['?'], show: '?', action: 'sheet', says: 'this sheet' },
  ];
  const BY_KEY = new Map(TABLE.flatMap((row) => row.keys.map((key) => [key, row.action])));
  const actions = { sheet: openSheet };
  let scope = 'body';

  const isField = (node) => node instanceof Element && node.matches('input, textarea, select, [contenteditable=""], [contenteditable="true"]');
  const isControl = (node) => node instanceof Element && Boolean(node.closest('button, a[href], summary'));

  function actionOf(event) {
    if (event.defaultPrevented || event.isComposing || event.keyCode === 229) return null;
    if (document.querySelector('dialog[open]') || !document.querySelector(scope)) return null;
    const field = isField(event.target);
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) return 'submit';
    if (event.ctrlKey || event.metaKey || event.altKey) return null;
    if (event.key === 'Escape') return field ? 'leave' : null;
    if (field || (event.key === 'Enter' && isControl(event.target))) return null;
    // Caps lock is no shift: a letter is the upper one only where somebody holds it.
    return BY_KEY.get(event.shiftKey || event.key.length > 1 ? event.key : event.key.toLowerCase()) || null;
  }

  document.addEventListener('keydown', (event) => {
    const action = actionOf(event);
    const run = action && actions[action];
    if (!run || (event.repeat && !['next', 'previous'].includes(action))) return;
    event.preventDefault();
    run(event);
  });

  function node(tag, properties = {}, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  function openSheet() {
    document.getElementById('keys-sheet')?.remove();
    const known = TABLE.filter((row) => actions[row.action]);
    const groups = [...new Set(known.map((row) => row.group))].map((group) => node('section', {},
      node('h3', { textContent: say(group) }),
      node('dl', {}, ...known.filter((row) => row.group === group).map((row) => node('div', {},
        node('dt', {}, ...row.show.split(' ').map((key) => node('kbd', { textContent: key }))),
        node('dd', { textContent: say(row.says) }))))));
    const close = node('button', { type: 'button', className: 'rv-button', textContent: say('Close') });
    const sheet = node('dialog', { id: 'keys-sheet', className: 'rv-dialog rv-sheet' },
      node('h2', { textContent: say('Keys'), id: 'keys-title' }), node('div', { className: 'rv-sheet-groups' }, ...groups), close);
    sheet.setAttribute('aria-labelledby', 'keys-title');
    close.addEventListener('click', () => sheet.close());
    sheet.addEventListener('keydown', (event) => { if (event.key === '?') { event.preventDefault(); sheet.close(); } });
    sheet.addEventListener('close', () => sheet.remove());
    document.body.append(sheet);
    sheet.showModal();
  }

  window.Corrigenda = Object.assign(window.Corrigenda || {}, {
    keys: { table: TABLE, on: (selector, handlers) => { scope = selector; Object.assign(actions, handlers); }, open: openSheet },
  });
})();
