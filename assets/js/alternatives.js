// Alternatives for a step: what else could stand there, in the person's words, with a rating if they like. They are written in a dialog,
// so that no new drawing of the answer can take the focus away from somebody who types; what is typed is in the draft at once.
(() => {
  'use strict';
  const ns = (window.Corrigenda = window.Corrigenda || {});
  const review = () => ns.review;
  const RATINGS = [[null, () => say('not rated')], [-1, () => say('wrong')], [0, () => say('neutral')], [1, () => say('right')]];
  const MOST = 200;
  const made = (tag, properties = {}, ...children) => {
    const node = Object.assign(document.createElement(tag), properties);
    node.append(...children);
    return node;
  };

  // Under each step, those that have words.
  ns.drawAlternatives = (form) => {
    for (const list of document.querySelectorAll('.rv-alternatives')) {
      const step = Number(list.closest('.rv-step').dataset.step);
      const here = form.alternatives.map((one, at) => [...one, at]).filter(([of, text]) => of === step && text.trim());
      list.hidden = !here.length;
      list.replaceChildren(...here.map(([, text, label, at]) => {
        const edit = made('button', { type: 'button', className: 'rv-button small', textContent: say('Edit') });
        Object.assign(edit.dataset, { act: 'alternative', at });
        edit.setAttribute('aria-label', say('Edit this alternative for step {n}', { n: step + 1 }));
        const rated = RATINGS.find(([value]) => value === label)[1]();
        return made('li', {}, made('span', { className: 'rv-alternative-says', textContent: say('Instead, {rated}:', { rated }) }), ' ', made('span', { className: 'rv-pre', textContent: text }), ' ', edit);
      }));
    }
  };

  // Opens the dialog for a new one at `step`, or for the one at place `at` of the form's list.
  ns.editAlternative = (step, at = null) => {
    const { item } = review();
    if (!item || document.getElementById('rv-alternative') || !document.getElementById(`rv-step-${step}`)) return;
    const list = item.form.alternatives;
    if (at === null && list.length >= MOST) { review().say('No more than {n} alternatives fit into one review.', 'warn', { n: MOST }); return; }
    const one = at === null ? [step, '', null] : list[at];
    if (at === null) list.push(one);
    dialog(item, one, at === null).showModal();
    document.getElementById('rv-alternative-text').focus();
  };

  function dialog(item, one, isNew) {
    const [step] = one;
    const text = made('textarea', { id: 'rv-alternative-text', rows: 4, maxLength: 20000, value: one[1] });
    const ratings = made('fieldset', { className: 'rv-ratings' }, made('legend', { textContent: say('It would be') }), ...RATINGS.map(([value, says]) => {
      const radio = made('input', { type: 'radio', name: 'rv-alternative-rating', value: String(value), checked: one[2] === value });
      radio.addEventListener('change', () => { one[2] = value; save(); });
      return made('label', {}, radio, ` ${says()}`);
    }));
    const done = made('button', { type: 'submit', className: 'rv-button rv-primary', textContent: say('Keep') });
    const gone = made('button', { type: 'button', className: 'rv-button', textContent: isNew ? say('Drop') : say('Remove') });
    const form = made('form', { method: 'dialog' },
      made('h2', { id: 'rv-alternative-title', textContent: say('Alternative for step {n}', { n: step + 1 }) }),
      made('p', { className: 'rv-quoted rv-pre', textContent: document.getElementById(`rv-step-${step}-text`).textContent }),
      made('label', { htmlFor: text.id, textContent: say('What could stand there instead') }), text, ratings,
      made('div', { className: 'rv-actions' }, done, gone));
    const node = made('dialog', { id: 'rv-alternative', className: 'rv-dialog' }, form);
    node.setAttribute('aria-labelledby', 'rv-alternative-title');
    const mine = () => review().item === item && item.form.alternatives.includes(one);
    const save = () => { if (mine()) review().touch(); };
    text.addEventListener('input', () => { one[1] = text.value; save(); });
    text.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !event.isComposing) { event.preventDefault(); event.stopPropagation(); node.close(); }
    });
    gone.addEventListener('click', () => { one[1] = ''; node.close(); });
    node.addEventListener('close', () => {
      node.remove();
      if (!mine()) return;
      item.form.alternatives = item.form.alternatives.filter((other) => other[1].trim());
      review().drawMarks();
      review().touch();
      review().focusStep(step);
    });
    document.body.append(node);
    return node;
  }

  // The answer changes under them: their words go on as part of the correction, so that nothing typed is lost.
  ns.carryAlternatives = (form) => {
    document.getElementById('rv-alternative')?.close();
    const said = form.alternatives.filter((one) => one[1].trim()).map(([step, text]) => say('Instead of step {n} of the attempt before: {text}', { n: step + 1, text: text.trim() }));
    form.text = [form.text.trim(), ...said].filter(Boolean).join('\n');
    form.alternatives = [];
    return said.length > 0;
  };
})();
