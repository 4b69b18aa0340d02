// The [BAD] marker at the first bad step: it is dragged from step to step, by mouse or finger, and moved by arrow keys when it has the focus.
(() => {
  'use strict';
  const ns = (window.Corrigenda = window.Corrigenda || {});
  const review = () => ns.review;
  const EDGE = 60; // px from the edge of the window, from which it scrolls while something is dragged
  const all = () => [...document.querySelectorAll('.rv-step')];
  let marker = null;
  let note = null;
  let dragging = null; // {pointer, from, to, y, frame}

  function make() {
    marker = Object.assign(document.createElement('span'), { className: 'rv-marker', id: 'rv-marker', textContent: say('BAD'), tabIndex: 0 });
    for (const [name, value] of Object.entries({ role: 'slider', 'aria-orientation': 'vertical', 'aria-label': say('First bad step'), 'aria-valuemin': 1 })) marker.setAttribute(name, value);
    marker.title = say('Drag it to another step, or use the arrow keys');
    marker.addEventListener('pointerdown', grab);
    marker.addEventListener('pointermove', (event) => { if (dragging?.pointer === event.pointerId) drag(event.clientY); });
    marker.addEventListener('pointerup', (event) => { if (dragging?.pointer === event.pointerId) drop(true); });
    marker.addEventListener('pointercancel', () => drop(false));
    marker.addEventListener('lostpointercapture', () => drop(false));
    marker.addEventListener('keydown', keyed);
    note = Object.assign(document.createElement('p'), { className: 'rv-mask-note muted small' });
    const unmark = Object.assign(document.createElement('button'), { type: 'button', className: 'rv-button small', textContent: say('Unmark') });
    unmark.dataset.act = 'unmark';
    note.append(document.createElement('span'), ' ', unmark);
  }

  // At the marked step, or nowhere. A drag that goes on is left alone.
  ns.drawMarker = (form) => {
    if (!marker) make();
    if (dragging) return;
    const at = ns.marks.canMove(form) ? all()[form.first_wrong_step] : null;
    if (!at) { marker.remove(); note.remove(); return; }
    if (marker.parentNode !== at.querySelector('.rv-step-bar')) {
      const focused = document.activeElement === marker;
      at.querySelector('.rv-step-bar').append(marker);
      at.querySelector('.rv-step-text').after(note);
      if (focused) marker.focus({ preventScroll: true });
    }
    const steps = all().length;
    const later = steps - 1 - form.first_wrong_step;
    marker.setAttribute('aria-valuemax', steps);
    marker.setAttribute('aria-valuenow', form.first_wrong_step + 1);
    marker.setAttribute('aria-valuetext', say('step {n} of {all}', { n: form.first_wrong_step + 1, all: steps }));
    note.firstChild.textContent = later
      ? sayCount(later, '{n} later step is masked: nothing is said of it.', '{n} later steps are masked: nothing is said of them.')
      : say('It is the last step.');
  };

  function keyed(event) {
    const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[event.key];
    if (event.key === 'Escape' && dragging) { event.preventDefault(); event.stopPropagation(); drop(false); return; }
    if (by === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    ns.marks.moveBad(by);
    marker.focus({ preventScroll: true });
  }

  function grab(event) {
    if (event.button !== 0 || !review().item) return;
    event.preventDefault();
    marker.focus({ preventScroll: true });
    marker.setPointerCapture(event.pointerId);
    const from = review().item.form.first_wrong_step;
    dragging = { pointer: event.pointerId, item: review().item, output: review().item.output, from, to: from, y: event.clientY, frame: requestAnimationFrame(scroll) };
    document.body.classList.add('rv-dragging');
    point(from);
  }

  function drag(y) {
    dragging.y = y;
    const steps = all();
    const under = steps.findIndex((step) => y <= step.getBoundingClientRect().bottom);
    point(under < 0 ? steps.length - 1 : under);
  }

  function point(to) {
    dragging.to = to;
    for (const [index, step] of all().entries()) step.classList.toggle('rv-drop', index === to);
    marker.setAttribute('aria-valuetext', say('step {n} of {all}', { n: to + 1, all: all().length }));
  }

  function scroll() {
    if (!dragging) return;
    const by = dragging.y < EDGE ? -12 : dragging.y > innerHeight - EDGE ? 12 : 0;
    if (by) { window.scrollBy({ top: by, behavior: 'instant' }); drag(dragging.y); }
    dragging.frame = requestAnimationFrame(scroll);
  }

  function drop(stay) {
    if (!dragging) return;
    const { to, from, pointer, frame, item, output } = dragging;
    cancelAnimationFrame(frame);
    dragging = null;
    if (marker.hasPointerCapture(pointer)) marker.releasePointerCapture(pointer);
    document.body.classList.remove('rv-dragging');
    for (const step of all()) step.classList.remove('rv-drop');
    const same = review().item === item && item.output === output;
    if (stay && same && to !== from && ns.marks.place(to)) { review().focusStep(to); marker.focus({ preventScroll: true }); return; }
    review().drawMarks();
  }
})();
