// JsSIP (MIT, https://jssip.net) with events and sdp-transform (MIT): CommonJS modules, which
// require each other as in Node.js.
"use strict";

globalThis.JsSIP = (() => {
  const modules = {
/* modules */
  };

  // JsSIP's log, which is off.
  const silent = () => {};
  const debug = () => silent;
  debug.default = debug;

  const loaded = { debug: { exports: debug } };
  const mains = { events: "events/events.js", "sdp-transform": "sdp-transform/lib/index.js" };

  function find(wanted, from) {
    if (wanted in loaded) {
      return wanted;
    }
    const path = mains[wanted] ?? new URL(wanted, `file:///${from}`).pathname.slice(1);
    return path in modules ? path : `${path}.js`;
  }

  function load(wanted, from) {
    const name = find(wanted, from);
    if (!(name in loaded)) {
      loaded[name] = { exports: {} };
      const { exports } = loaded[name];
      modules[name].call(exports, loaded[name], exports, (other) => load(other, name));
    }
    return loaded[name].exports;
  }

  return load("./JsSIP", "jssip/lib/");
})();
