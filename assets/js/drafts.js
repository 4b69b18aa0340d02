// Keeps what a person types: a copy in this browser at once, on the server one second after the last key and at least every
// two seconds while there is something unsaved. One keeper per assignment, so that text cannot reach another item.
(() => {
  'use strict';
  const QUIET_MS = 1000;
  const AT_LEAST_MS = 2000;
  const RETRY_MS = 3000;
  const clock = () => new Date().toLocaleTimeString(document.documentElement.lang || [], { hour12: false });

  class DraftKeeper {
    // `read` gives the body to keep; `mark` shows the state in words; `heard` gets the server's reply to a save.
    constructor({ user, assignment, token, revision, read, mark, heard }) {
      Object.assign(this, { assignment, token, read, mark, heard });
      this.key = `corrigenda.draft.${user}.${assignment}`;
      this.revision = revision;
      this.saved = revision;
      this.closed = false;
      this.firstUnsaved = 0;
      this.timer = 0;
      this.flight = null;
    }

    get dirty() { return !this.closed && this.revision > this.saved; }

    // The newer of the server's draft and this browser's copy: {body, revision, local} or null.
    newest(server) {
      const local = this.#local();
      if (local && local.revision > (server?.revision || 0)) {
        this.revision = local.revision;
        return { ...local, local: true };
      }
      return server ? { ...server, local: false } : null;
    }

    touch() {
      if (this.closed) return;
      this.revision += 1;
      const now = Date.now();
      this.firstUnsaved ||= now;
      try {
        localStorage.setItem(this.key, JSON.stringify({ revision: this.revision, body: this.read(), at: now }));
      } catch { /* a full or forbidden local store still leaves the server's copy */ }
      this.mark('saving', say('saving'));
      this.#plan(Math.max(0, Math.min(QUIET_MS, this.firstUnsaved + AT_LEAST_MS - now)));
    }

    async flush() {
      clearTimeout(this.timer);
      if (this.flight) await this.flight;
      if (this.dirty) await this.#save();
    }

    // On leaving the page: one last request that outlives it.
    lastWord() {
      if (this.dirty) fetch(this.#url(), { ...this.#request(), keepalive: true }).catch(() => {});
    }

    close({ forget }) {
      this.closed = true;
      clearTimeout(this.timer);
      if (forget) localStorage.removeItem(this.key);
    }

    #plan(delay) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.#save(), delay);
    }

    async #save() {
      if (!this.dirty) return;
      if (this.flight) { await this.flight; if (!this.dirty) return; }
      this.flight = this.#put();
      await this.flight;
      this.flight = null;
      if (this.dirty && !this.stuck) this.#plan(this.offline ? RETRY_MS : QUIET_MS);
    }

    async #put() {
      const revision = this.revision;
      this.firstUnsaved = 0;
      this.mark('saving', say('saving'));
      try {
        const answer = await fetch(this.#url(), this.#request());
        this.offline = answer.status >= 500;
        const reply = answer.headers.get('content-type')?.includes('json') ? await answer.json() : {};
        if (!answer.ok) return this.#refused(answer.status, reply);
        this.stuck = false;
        this.saved = Math.max(this.saved, revision);
        if (!this.closed && !this.dirty) this.mark('saved', say('saved {time}', { time: clock() }));
        if (!this.closed) this.heard(reply);
      } catch {
        this.offline = true;
        this.mark('offline', say('offline, kept here'));
      }
    }

    #refused(status, reply) {
      if (this.offline) return this.mark('offline', say('offline, kept here'));
      this.stuck = true;
      const known = { 401: say('signed out, kept here'), 403: say('not yours, kept here'), 404: say('item gone, kept here') };
      this.mark('offline', known[status] || say('not saved, kept here'));
    }

    #url() { return `/api/v1/drafts/${this.assignment}`; }

    #request() {
      const body = JSON.stringify({ revision: this.revision, token: this.token, body: this.read() });
      return { method: 'PUT', credentials: 'same-origin', headers: { 'content-type': 'application/json' }, body };
    }

    #local() {
      try { return JSON.parse(localStorage.getItem(this.key)); } catch { return null; }
    }
  }

  window.Corrigenda = Object.assign(window.Corrigenda || {}, { DraftKeeper });
})();
