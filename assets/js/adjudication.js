// Adjudication: takes a review of somebody's over into the form, or adds its words to what is there. What is taken can be changed; the
// server sees whether the decision still says what that review says.
(() => {
  'use strict';
  const ns = (window.Corrigenda = window.Corrigenda || {});
  const OWN = ['output', 'seconds', 'reason', 'takes'];
  const find = (letter) => document.querySelector(`#rv-compared .rv-opinion[data-letter="${CSS.escape(letter)}"]`);

  function take(letter) {
    const opinion = find(letter);
    if (!ns.review.item) return;
    if (!opinion) { ns.review.say('There is no review {letter} here.', 'warn', { letter }); return; }
    const said = JSON.parse(opinion.dataset.form);
    ns.marks.change((form) => {
      for (const name of Object.keys(form)) if (name in said && !OWN.includes(name)) form[name] = said[name];
      form.takes = Number(opinion.dataset.review);
    });
    if (opinion.dataset.verdict === 'acceptable') ns.review.say('Review {letter} is taken: nothing is wrong. Say why, then submit.', '', { letter });
    else ns.review.say('Review {letter} is taken. Change what you like, say why, then submit.', '', { letter });
    shown();
    ns.focusField('rv-reason');
  }

  function add(letter) {
    const opinion = find(letter);
    if (!opinion || !ns.review.item) return;
    const said = JSON.parse(opinion.dataset.form);
    ns.marks.change((form) => {
      if (said.text && !form.text.includes(said.text)) form.text = [form.text.trim(), said.text].filter(Boolean).join('\n');
      if (form.first_wrong_step === null && form.protocol === said.protocol) form.first_wrong_step = said.first_wrong_step;
      form.error_type = form.error_type || said.error_type;
    });
    ns.review.say('The words of review {letter} are added.', '', { letter });
  }

  function merge() {
    for (const one of document.querySelectorAll('#rv-compared .rv-opinion:not([data-taken])')) add(one.dataset.letter);
  }

  // Which review the form says the same as, for the eye.
  function shown() {
    const takes = ns.review.item?.form.takes || 0;
    for (const one of document.querySelectorAll('#rv-compared .rv-opinion')) one.toggleAttribute('data-taken', Number(one.dataset.review) === takes);
  }

  ns.adjudication = { take, add, merge, shown };
})();
