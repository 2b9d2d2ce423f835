// Makes the pages more convenient; each works without it (ADR 12). All text is in the page.
//
// - Before the idle end a dialog asks whether to go on (W9). Typing keeps the session alive (U4).
//   Before the end in any case another one warns (W5).
// - The back button loads a session's page again, so that it shows none after the end (W5).
// - A second click on a form's button sends nothing.
// - A form of many numbers shows its progress (U4).
// - What is worth keeping can be printed.
// - A password's field gets a button that shows what is typed, and a hint at caps lock.
// - A password manager keeps one entry a telephone number, however it was typed.
"use strict";

(() => {
  const TICK_MS = 1000;
  const SECOND_CLICK_MS = 2000;
  const PROGRESS_MS = 500;
  const EXTEND_TIMEOUT_MS = 10_000;
  const SEPARATORS = [
    // Dashes, brackets, invisible characters and spaces.
    /[\p{Pd}\p{Ps}\p{Pe}\p{Cf}\s\u0085]/gu,
    // What keyboards give in their place: tildes, dots, slashes, minus signs and lines.
    /[~./\xb7\u2022\u2027\u2043\u2044\u207b\u208b\u2212\u2215\u223c\u2500\u2501]/g,
    // The same of Japanese keyboards, with long-vowel marks.
    /[\u3002\u30fb\u30fc\uff0e\uff0f\uff5e\uff61\uff65\uff70]/g,
  ];

  const idleDialog = document.getElementById("idle-dialog");
  if (idleDialog) {
    watchSession(idleDialog, document.getElementById("lifetime-dialog"));
  }
  for (const form of document.forms) {
    ignoreSecondClick(form);
  }
  for (const field of document.querySelectorAll('input[type="password"]')) {
    addRevealButton(field);
    addCapsLockHint(field);
  }
  const number = document.querySelector('input[type="tel"]');
  if (number) {
    sendDigits(number);
  }

  const print = document.getElementById("print");
  if (print) {
    print.hidden = false;
    print.addEventListener("click", () => window.print());
  }

  // What is folded is printed too.
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) {
      details.open = true;
    }
  });

  function watchSession(idleDialog, lifetimeDialog) {
    const { leadS, leftS, lifetimeLeftS } = idleDialog.dataset;
    const leadMs = Number(leadS) * 1000;
    // The browser's other pages of this session.
    const others = new BroadcastChannel("karipass-session");
    const lifetimeEnd = Date.now() + Number(lifetimeLeftS) * 1000;
    let end = Date.now() + Number(leftS) * 1000;
    let usedAt = Date.now();
    let shownFor = 0;

    function extendTo(newEnd) {
      end = Math.max(end, newEnd);
      if (end - Date.now() > leadMs) {
        idleDialog.close();
      }
    }

    async function extend() {
      usedAt = Date.now();
      const signal = AbortSignal.timeout(EXTEND_TIMEOUT_MS);
      const response = await fetch("/session", { cache: "no-store", redirect: "error", signal });
      if (response.ok) {
        extendTo(Date.now() + Number(await response.text()) * 1000);
        others.postMessage(end);
      } else if (response.status === 410) {
        leave();
      } else {
        throw new Error(`the site answered ${response.status}`);
      }
    }

    // Out of reach or busy for a moment: the dialog comes again, or the end.
    const tryToExtend = () =>
      extend().catch(() => {
        if (!isLast()) {
          shownFor = 0;
        }
      });

    // The top page knows why the session has ended, and whether it has.
    function leave() {
      clearInterval(ticking);
      location.replace("/");
    }

    const isShown = () => idleDialog.open || lifetimeDialog.open;
    // The session cannot be extended. The server gives whole seconds.
    const isLast = () => end > lifetimeEnd - 2 * TICK_MS;

    const ticking = setInterval(() => {
      const left = end - Date.now();
      if (left <= 0) {
        leave();
      } else if (left <= leadMs && !isShown() && end > shownFor) {
        shownFor = end + TICK_MS;
        (isLast() ? lifetimeDialog : idleDialog).showModal();
      }
    }, TICK_MS);

    // A browser may keep the page for its back button, for longer than the session.
    addEventListener("pagehide", () => {
      document.documentElement.hidden = true;
    });
    addEventListener("pageshow", (event) => {
      if (event.persisted) {
        location.reload();
      }
    });

    others.onmessage = (message) => extendTo(message.data);
    others.postMessage(end);
    // By the button, or by Escape.
    idleDialog.addEventListener("close", tryToExtend);
    for (const dialog of [idleDialog, lifetimeDialog]) {
      dialog.querySelector("button").addEventListener("click", () => dialog.close());
    }
    document.addEventListener("input", () => {
      if (Date.now() - usedAt > leadMs / 2) {
        tryToExtend();
      }
    });
  }

  function ignoreSecondClick(form) {
    let sentAt = -Infinity;
    form.addEventListener("submit", (event) => {
      if (event.timeStamp - sentAt < SECOND_CLICK_MS) {
        event.preventDefault();
        return;
      }
      sentAt = event.timeStamp;
      const progress = form.querySelector("#progress");
      if (progress) {
        showProgress(progress, form.querySelector("progress"));
      }
    });
  }

  // Until the answer comes. If another daemon does the work, the bar shows no more than that.
  function showProgress(words, bar) {
    async function ask() {
      const response = await fetch("/unit-progress", { cache: "no-store", redirect: "error" });
      if (response.status === 200) {
        const [compared, required] = (await response.text()).split(" ").map(Number);
        bar.max = required;
        bar.value = compared;
      }
    }

    words.textContent = words.dataset.text;
    bar.hidden = false;
    const asking = setInterval(() => ask().catch(() => {}), PROGRESS_MS);
    const stop = () => {
      clearInterval(asking);
      words.textContent = "";
      bar.hidden = true;
    };
    addEventListener("pagehide", stop, { once: true });
  }

  function addRevealButton(field) {
    const button = fromTemplate("reveal-template");
    button.setAttribute("aria-label", button.dataset.name.replace("{field}", labelOf(field)));
    button.setAttribute("aria-controls", field.id);
    const show = (isShown) => {
      field.type = isShown ? "text" : "password";
      button.setAttribute("aria-pressed", String(isShown));
    };
    button.addEventListener("click", () => show(field.type === "password"));
    // A browser keeps what was sent as text.
    field.form.addEventListener("submit", () => show(false));
    field.after(button);
  }

  function addCapsLockHint(field) {
    const hint = fromTemplate("caps-lock-template");
    const show = (isOn) => {
      hint.textContent = isOn ? hint.dataset.text : "";
    };
    for (const name of ["keydown", "keyup"]) {
      field.addEventListener(name, (event) => show(event.getModifierState?.("CapsLock")));
    }
    field.addEventListener("blur", () => show(false));
    field.after(hint);
  }

  // The other forms name the login by its digits. What is no number is sent as it was typed.
  function sendDigits(field) {
    field.form.addEventListener("submit", () => {
      const strip = (text, separator) => text.replace(separator, "");
      const typed = SEPARATORS.reduce(strip, halfWidth(field.value));
      const digits = typed.replace(/^\+?810?/, "0");
      if (/^0[1-9][0-9]{8,9}$/.test(digits)) {
        field.value = digits;
      }
    });
  }

  // Full-width digits and plus signs. What only looks like a digit stays.
  function halfWidth(text) {
    return text
      .replace(/[\uff10-\uff19]/g, (digit) => digit.normalize("NFKC"))
      .replace(/[\ufe62\uff0b]/g, "+");
  }

  function fromTemplate(id) {
    return document.getElementById(id).content.firstElementChild.cloneNode(true);
  }

  // The words of a field's label, without marks for the eye alone.
  function labelOf(field) {
    const label = field.labels[0].cloneNode(true);
    for (const mark of label.querySelectorAll("[aria-hidden]")) {
      mark.remove();
    }
    return label.textContent.trim();
  }
})();
