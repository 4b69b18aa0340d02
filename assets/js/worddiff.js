// A word diff for display: Corrigenda.wordDiff(a, b) gives [['equal'|'delete'|'insert', text], ...].
// The server computes the stored edits itself (core/edits); this one only has to be quick and readable. Words are cut as there.
(() => {
  'use strict';
  const MAX_CELLS = 4_000_000;
  const LETTER = String.raw`(?![\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u{20000}-\u{3ffff}])[\p{L}\p{N}_][\p{M}\u{1f3fb}-\u{1f3ff}\u200c\u200d]*`;
  const SIGN = String.raw`\S[\p{M}\u{1f3fb}-\u{1f3ff}\u200c]*`;
  const TOKEN = new RegExp(String.raw`\s+|\p{Nd}+(?:[.,]\p{Nd}+)*|(?:${LETTER})+(?:['\u2019](?:${LETTER})+)*|[\u{1f1e6}-\u{1f1ff}]{2}|${SIGN}(?:\u200d${SIGN})*`, 'gu');
  const tokens = (text) => text.match(TOKEN) || [];

  function wordDiff(source, target) {
    const a = tokens(source);
    const b = tokens(target);
    let head = 0;
    while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
    let tail = 0;
    while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
    const pieces = [
      ['equal', a.slice(0, head)],
      ...middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail)),
      ['equal', a.slice(a.length - tail)],
    ];
    return merged(pieces.map(([op, words]) => [op, words.join('')]));
  }

  function middle(a, b) {
    if (!a.length || !b.length || a.length * b.length > MAX_CELLS) return [['delete', a], ['insert', b]];
    const width = b.length + 1;
    const longest = new Uint16Array((a.length + 1) * width);
    for (let i = a.length - 1; i >= 0; i -= 1) {
      for (let j = b.length - 1; j >= 0; j -= 1) {
        const at = i * width + j;
        longest[at] = a[i] === b[j] ? longest[at + width + 1] + 1 : Math.max(longest[at + width], longest[at + 1]);
      }
    }
    const pieces = [];
    for (let i = 0, j = 0; i < a.length || j < b.length;) {
      if (i < a.length && j < b.length && a[i] === b[j]) { pieces.push(['equal', [a[i]]]); i += 1; j += 1; }
      else if (j >= b.length || (i < a.length && longest[(i + 1) * width + j] >= longest[i * width + j + 1])) { pieces.push(['delete', [a[i]]]); i += 1; }
      else { pieces.push(['insert', [b[j]]]); j += 1; }
    }
    return pieces;
  }

  // Changes with only white space between them become one phrase: all that goes, then all that comes.
  function merged(pieces) {
    const out = [];
    let gone = '';
    let come = '';
    const flush = () => {
      if (gone) out.push(['delete', gone]);
      if (come) out.push(['insert', come]);
      gone = come = '';
    };
    const solid = pieces.filter(([, text]) => text);
    solid.forEach(([op, text], at) => {
      const between = op === 'equal' && !text.trim() && (gone || come) && solid[at + 1] && solid[at + 1][0] !== 'equal';
      if (op === 'delete' || between) gone += text;
      if (op === 'insert' || between) come += text;
      if (op !== 'equal' || between) return;
      flush();
      if (out.length && out.at(-1)[0] === 'equal') out.at(-1)[1] += text;
      else out.push(['equal', text]);
    });
    flush();
    return out;
  }

  window.Corrigenda = Object.assign(window.Corrigenda || {}, { wordDiff, tokens });
})();
