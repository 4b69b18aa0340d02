// What every page shares: colour scheme, who is signed in, titles, times in the reader's zone, and the signed-out notice.
// `say` gives an English text in the page's language, with {name} filled from the values; `sayCount` the form for n things.
function say(text, values = {}) {
  const found = (window.corrigendaTexts || {})[text] || text;
  return found.replace(/\{(\w+)\}/g, (place, name) => (name in values ? values[name] : place));
}
function sayCount(n, one, many, values = {}) { return say(n === 1 ? one : many, { n, ...values }); }

(() => {
  const KEY = 'corrigenda-scheme';
  const stored = () => { try { return localStorage.getItem(KEY); } catch { return null; } };
  const system = window.matchMedia('(prefers-color-scheme: dark)');

  function applyScheme() {
    const wanted = stored();
    const dark = wanted ? wanted === 'dark' : system.matches;
    if (document.body.classList.contains('dark') !== dark) document.body.classList.toggle('dark', dark);
  }

  document.addEventListener('click', (event) => {
    if (!event.target.closest('#scheme-toggle')) return;
    const next = document.body.classList.contains('dark') ? 'light' : 'dark';
    try { localStorage.setItem(KEY, next); } catch { /* private mode: for this page only */ }
    document.body.classList.toggle('dark', next === 'dark');
  });

  function localTimes(root) {
    for (const element of root.querySelectorAll('time[datetime]:not([title])')) {
      const moment = new Date(element.dateTime);
      if (!Number.isNaN(moment.getTime())) element.title = moment.toLocaleString(document.documentElement.lang === 'en' ? undefined : document.documentElement.lang);
    }
  }

  function dress() {
    const header = document.querySelector('.site-header');
    if (!header || header.dataset.dressed) return;
    header.dataset.dressed = 'yes';
    document.title = `${header.dataset.title} · Corrigenda`;
    fetch('/api/v1/me').then((response) => (response.ok ? response.json() : null)).then((me) => {
      if (!me) return;
      header.dataset.role = me.role;
      const who = document.getElementById('whoami');
      if (who) who.textContent = me.name;
    }).catch(() => {});
  }

  // A session that ends under an open page: say so once, in place, and leave what was typed alone.
  const plainFetch = window.fetch.bind(window);
  window.fetch = async (...parts) => {
    const response = await plainFetch(...parts);
    if (response.status === 401 && new URL(response.url).origin === location.origin) {
      const notice = document.getElementById('signed-out');
      if (notice) notice.hidden = false;
    }
    return response;
  };

  applyScheme();
  system.addEventListener('change', applyScheme);
  new MutationObserver((changes) => {
    dress();
    for (const change of changes) for (const node of change.addedNodes) if (node.querySelectorAll) localTimes(node);
  }).observe(document.body, { childList: true, subtree: true });
  new MutationObserver(applyScheme).observe(document.body, { attributes: true, attributeFilter: ['class'] });
  dress();
  localTimes(document);
})();
