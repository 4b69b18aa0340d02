// Finding the first wrong step by halving: the rule of core/critics/bisect.py. Steps before `low` are fine, and a wrong step is at
// `high` or before it; `high` is the length while nothing was called wrong. A test holds both against each other.
(() => {
  'use strict';
  const ns = (window.Corrigenda = window.Corrigenda || {});

  // What is known of `length` steps after these answers to "is it fine up to here?". `firstError`: null until settled, -1 for none.
  ns.bisection = (length, answers) => {
    let [low, high, asked] = [0, length, 0];
    for (const fine of answers) {
      if (low === high) break;
      const question = (low + high) >> 1;
      if (fine) low = question + 1;
      else high = question;
      asked += 1;
    }
    const settled = low === high;
    return { low, high, asked, question: settled ? null : (low + high) >> 1, firstError: settled ? (low === length ? -1 : low) : null };
  };

  ns.mostQuestions = (length) => Math.ceil(Math.log2(length)) + 1;
})();
