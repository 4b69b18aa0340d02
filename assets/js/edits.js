// A rewrite as edits of the answer: [{start, end, come, move}], in order, never overlapping; what a person decides on one by one.
// The same rules as core/edits (spans.py, places.py, limits.py); tests/browser/test_edits.py compares them. Offsets count UTF-16 units.
(() => {
  'use strict';
  const ns = (window.Corrigenda = window.Corrigenda || {});
  const MAX_CELLS = 1_000_000; // characters x characters that are aligned for one segment; above, edits count in whole
  const MOVED = 4; // characters from which the same text, gone here and come there, is called a move

  function extract(source, target) {
    const found = [];
    let at = 0;
    for (const [op, text] of ns.wordDiff(source, target)) {
      const last = found.at(-1);
      if (op === 'delete') found.push({ start: at, end: at + text.length, come: '' });
      else if (op === 'insert' && last && last.end === at && !last.come && last.start < at) last.come = text;
      else if (op === 'insert') found.push({ start: at, end: at, come: text });
      if (op !== 'insert') at += text.length;
    }
    return tied(source, found);
  }

  // Both ends of a move are decided together, as one of them alone would lose or double the text.
  function tied(source, edits) {
    const open = new Map();
    edits.forEach((edit, number) => {
      const gone = source.slice(edit.start, edit.end).trim();
      const come = edit.come.trim();
      const other = open.get(JSON.stringify([come, gone]));
      if (other?.length && gone !== come && [gone, come].every((text) => !text || text.length >= MOVED)) {
        edit.move = other.pop();
        edits[edit.move].move = edit.move;
        return;
      }
      const key = JSON.stringify([gone, come]);
      open.set(key, [...(open.get(key) || []), number]);
    });
    return edits;
  }

  function apply(source, edits) {
    const parts = [];
    let done = 0;
    for (const edit of edits) {
      parts.push(source.slice(done, edit.start), edit.come);
      done = edit.end;
    }
    return [...parts, source.slice(done)].join('');
  }

  // `edits` with the change of `edit` at every further place of the same whole words that no edit touches.
  function spread(source, edits, edit) {
    const words = source.slice(edit.start, edit.end);
    const kept = [...edits];
    if (!words.trim()) return kept;
    const cuts = new Set([0]);
    let length = 0;
    for (const token of ns.tokens(source)) cuts.add(length += token.length);
    for (let at = source.indexOf(words); at >= 0; at = source.indexOf(words, at + words.length)) {
      const end = at + words.length;
      const free = kept.every((other) => at !== other.start && (end <= other.start || other.end <= at));
      if (cuts.has(at) && cuts.has(end) && free) kept.push({ start: at, end, come: edit.come });
    }
    return kept.sort((a, b) => a.start - b.start || a.end - b.end);
  }

  // Edits by the segments that they touch, each group with the share of its characters that changes.
  function weighed(source, edits, segments) {
    const groups = [];
    for (const edit of edits) {
      const touched = segments.filter(([from, to]) => from < Math.max(edit.end, edit.start + 1) && edit.start < to);
      let start = Math.min(edit.start, ...touched.map(([from]) => from));
      let end = Math.max(edit.end, ...touched.map(([, to]) => to));
      if (!touched.length) { // between two segments, or at the very end
        start = Math.max(0, ...segments.filter(([, to]) => to <= edit.start).map(([, to]) => to));
        end = Math.max(edit.end, Math.min(source.length, ...segments.filter(([from]) => from >= edit.end).map(([from]) => from)));
      }
      const last = groups.at(-1);
      if (last && start < last.end) Object.assign(last, { start: Math.min(last.start, start), end: Math.max(last.end, end), inside: [...last.inside, edit] });
      else groups.push({ start, end, inside: [edit] });
    }
    for (const group of groups) group.share = change(source, group);
    return groups;
  }

  // What stays when no segment may change by more than `most` (0 to 1).
  function limited(groups, most) {
    const lost = groups.filter(({ share }) => share > most).flatMap(({ inside }) => inside);
    const moves = new Set(lost.map(({ move }) => move).filter((move) => move !== undefined));
    return groups.flatMap(({ inside }) => inside).filter((edit) => !lost.includes(edit) && !moves.has(edit.move));
  }

  function change(source, { start, end, inside }) {
    const old = [...source.slice(start, end)];
    const fresh = [...apply(source.slice(start, end), inside.map((edit) => ({ ...edit, start: edit.start - start, end: edit.end - start })))];
    const longer = Math.max(old.length, fresh.length);
    if (!longer) return 0;
    if (old.length * fresh.length <= MAX_CELLS) return distance(old, fresh) / longer;
    const whole = inside.reduce((sum, edit) => sum + Math.max(edit.end - edit.start, edit.come.length), 0);
    return Math.min(1, whole / longer);
  }

  function distance(a, b) {
    let row = Uint32Array.from({ length: b.length + 1 }, (_, j) => j);
    for (let i = 1; i <= a.length; i += 1) {
      const next = new Uint32Array(b.length + 1);
      next[0] = i;
      for (let j = 1; j <= b.length; j += 1) next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
      row = next;
    }
    return row[b.length];
  }

  ns.edits = { extract, apply, spread, weighed, limited };
})();
