// Holds the claim of the item on screen: says now and then that somebody is here, notices when the item went to somebody
// else, and gives it back on leaving the page if nothing was typed.
(() => {
  'use strict';
  const ns = (window.Corrigenda = window.Corrigenda || {});
  let timer = 0;
  let early = 0;
  let held = null;
  let asking = null;
  const REST = 10_000; // ms

  const url = (what) => `/api/v1/claims/${held.assignment}/${what}`;
  const body = () => JSON.stringify({ token: held.token });

  ns.holdClaim = (item) => {
    ns.dropClaim();
    held = item;
    early = setTimeout(beat, 3000); // a reload may have given the item back after it was claimed again
    timer = setInterval(beat, Math.min(item.heartbeat, Math.max(2, item.lease / 3)) * 1000); // a lease outlives two that were lost
  };

  ns.dropClaim = () => {
    clearInterval(timer);
    clearTimeout(early);
    held = null;
  };

  // A decision that is on its way may end the claim. A heartbeat that comes after it would be told that the item is lost, which the
  // person meant: so none is sent until the decision has been answered, and one that is on its way is given up.
  ns.restClaim = () => {
    if (held) held.restUntil = Date.now() + REST;
    asking?.abort();
  };

  async function beat() {
    const item = held;
    if (!item || item.lost || Date.now() < (item.restUntil || 0)) return;
    asking = new AbortController();
    try {
      const answer = await fetch(url('heartbeat'), { method: 'POST', credentials: 'same-origin', headers: { 'content-type': 'application/json' }, body: body(), signal: asking.signal });
      if (answer.status === 409 && held === item) lost((await answer.json()).detail);
    } catch { /* offline: the draft's mark says so, and the lease may well hold until we are back */ }
  }

  function lost(why) {
    if (ns.review.untouched()) ns.review.send('open');
    else ns.lostClaim(why);
  }

  // What the API says of a claim that is over, in English.
  const LOST = [
    { says: 'This item has been submitted already.' }, { says: 'This item was set aside meanwhile.' },
    { says: 'Your time for this item ran out, or you gave it back. Take the next item.' },
    { says: 'Your time for this item ran out and it was given to somebody else, or you opened it anew in another window.' },
  ];
  ns.lostClaim = (why) => {
    if (!held) return;
    held.lost = true;
    const banner = document.getElementById('rv-lost');
    if (!banner) return;
    document.getElementById('rv-lost-says').textContent = LOST.some((one) => one.says === why) ? say(why) : why;
    banner.hidden = false;
  };

  ns.forgetDraft = (assignment) => {
    for (const key of Object.keys(localStorage)) if (key.startsWith('corrigenda.draft.') && key.endsWith(`.${assignment}`)) localStorage.removeItem(key);
  };

  window.addEventListener('pagehide', () => {
    if (!held) return;
    asking?.abort(); // not after the item is given back
    if (!ns.review.untouched()) held.keeper.lastWord();
    else if (!held.lost) navigator.sendBeacon(url('release'), new Blob([body()], { type: 'application/json' }));
  });
  // Back from the browser's page cache: the claim was given back, so ask for an item anew.
  window.addEventListener('pageshow', (event) => { if (event.persisted && held && ns.review.untouched()) location.reload(); });
  window.addEventListener('beforeunload', (event) => { if (held?.keeper.dirty && !ns.review.untouched()) event.preventDefault(); });
  document.addEventListener('visibilitychange', () => { if (!document.hidden) beat(); });
})();
