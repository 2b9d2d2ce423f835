// The demonstration's telephone: SIP and RTP by JsSIP, keys as RFC 4733 events.
"use strict";

(() => {
  const DIAL = "0664806430";
  const DOMAIN = "karipass.invalid";
  // A press and the pause after it, in ms: what a hurried finger does.
  const KEY = { transportType: JsSIP.C.DTMF_TRANSPORT.RFC2833, duration: 120, interToneGap: 120 };
  const PRESSED_MS = 150;
  // How often, and how many times, a new tab is looked at until the login page is there.
  const LOOK_MS = 100;
  const LOOKS = 100;

  const CALL = ["電話をかける", "Call"];
  const HANG_UP = ["電話を切る", "Hang up"];
  const NO_CALL = ["通話していません。", "There is no call."];
  const CALLING = ["呼び出しています。", "Calling."];
  const CONNECTED = ["通話中です。", "Connected."];
  const ENDED = ["通話が終わりました。", "The call has ended."];
  const FAILED = ["電話がつながりません。", "The call has failed:"];

  // The guidance in English; {n} is the number.
  const ENGLISH = {
    menu: "Choose the unit of the temporary password: 1 for the line, 2 for a telephone number, 3 for administrator and users.",
    "enter-number": "Key the telephone number with its area code, and then #.",
    "set-password": "You set the temporary password of {n}. Key the temporary password that you want to set.",
    "register-password": "You set the temporary password of {n}. Key the temporary password that you want to register.",
    "confirm-password": "Key the temporary password again to confirm it.",
    completed: "The temporary password of {n} is set. Thank you.",
    invalid: "What you keyed is not correct. Key it again.",
    redial: "What you keyed is not correct. Hang up and call again.",
    "not-available": "Your number cannot set a temporary password.",
    trouble: "A temporary password cannot be set now. Call again later.",
  };

  const [caller, about, button, state, keypad, keyed, said, after, logIn, sound] = [
    "caller", "about", "call", "state", "keypad", "keyed", "said", "after", "log-in", "sound",
  ].map((id) => document.getElementById(id));

  let silence = null;
  let agent = null;
  let line = null;
  let session = null;
  let callId = null;
  let isSecret = false;
  let loginNumber = "";

  // SIP without a WebSocket: events from the server, and posted messages. JsSIP calls the methods,
  // and sets what they report to.
  class Line {
    url = "/phone/line";
    via_transport = "WS";
    sip_uri = `sip:${DOMAIN};transport=ws`;

    connect() {
      this.sent = Promise.resolve();
      this.events = new EventSource(this.url);
      const on = (name, act) =>
        this.events.addEventListener(name, (event) => act(JSON.parse(event.data)));
      on("line", (id) => {
        this.id = id;
        this.onconnect();
      });
      on("sip", (message) => this.ondata(message));
      // That of a former call stays open for a while.
      on("spoken", (sentence) => this === line && sentence.call === callId && show(sentence));
      this.events.onerror = () => {
        this.disconnect();
        this.ondisconnect(true);
      };
    }

    disconnect() {
      this.events.close();
    }

    send(message) {
      // One after the other, since their order counts. JsSIP notices a lost one by its timers.
      const post = () => fetch(`${this.url}/${this.id}`, { method: "POST", body: message });
      this.sent = this.sent.then(post).catch(() => {});
      return true;
    }
  }

  function english(text) {
    const span = document.createElement("span");
    span.lang = "en";
    span.textContent = text;
    return span;
  }

  function write(element, [ja, en], more = "") {
    element.replaceChildren(`${ja} `, english(`${en} ${more}`.trim()));
  }

  function spaced(number) {
    return `${number.slice(0, -8)}-${number.slice(-8, -4)}-${number.slice(-4)}`;
  }

  function show({ name, number, words }) {
    const shown = number && spaced(number);
    const sentence = document.createElement("p");
    sentence.append(shown + words, english(ENGLISH[name].replace("{n}", shown)));
    said.append(sentence);
    keyed.textContent = "";
    isSecret = name.endsWith("-password");
    if (name === "completed") {
      loginNumber = number;
      after.hidden = false;
    }
  }

  // Sound that is zero, in place of a microphone's: keys are sent between its packets.
  function makeSilence() {
    const audio = new AudioContext();
    const zero = new ConstantSourceNode(audio, { offset: 0 });
    const destination = audio.createMediaStreamDestination();
    zero.connect(destination);
    zero.start();
    return destination.stream;
  }

  function describe() {
    about.textContent = caller.selectedOptions[0].dataset.about;
  }

  function begin() {
    const { value: number, dataset } = caller.selectedOptions[0];
    said.replaceChildren();
    keyed.textContent = "";
    after.hidden = true;
    caller.disabled = true;
    write(button, HANG_UP);
    write(state, CALLING);
    silence ??= makeSilence();
    line = new Line();
    const own = new JsSIP.UA({
      sockets: [line],
      uri: `sip:browser-${number}@${DOMAIN}`,
      password: dataset.password,
      session_timers: false,
    });
    const fail = (cause) => agent === own && end(FAILED, cause);
    own.once("registered", dialOut);
    own.once("registrationFailed", ({ cause }) => fail(cause));
    own.once("disconnected", () => fail("disconnected"));
    own.once("newRTCSession", ({ request }) => {
      callId = request.call_id;
    });
    agent = own;
    agent.start();
  }

  function dialOut() {
    session = agent.call(`sip:${DIAL}@${DOMAIN}`, {
      mediaStream: silence,
      eventHandlers: {
        sdp: (description) => {
          description.sdp = onLoopback(description.sdp);
        },
        confirmed: () => write(state, CONNECTED),
        ended: () => end(ENDED),
        failed: ({ cause }) =>
          cause === JsSIP.C.causes.CANCELED ? end(NO_CALL) : end(FAILED, cause),
      },
    });
    session.connection.addEventListener("track", ({ streams: [stream] }) => {
      sound.srcObject = stream;
    });
  }

  // A browser hides its addresses: behind names that Asterisk cannot look up, and behind 0.0.0.0,
  // which would mean hold. Asterisk names its machine's address, although it listens on loopback.
  function onLoopback(sdp) {
    return sdp
      .replace(/^(a=candidate:(?:\S+ ){4})\S+/gm, (_, before) => `${before}127.0.0.1`)
      .replaceAll("IN IP4 0.0.0.0", "IN IP4 127.0.0.1");
  }

  // Stopping the agent ends its session, which reports that here too.
  function end(what, cause) {
    const ended = agent;
    agent = session = null;
    ended?.stop();
    caller.disabled = false;
    write(button, CALL, spaced(DIAL));
    write(state, what, cause);
  }

  function press(key) {
    if (!session?.isEstablished()) {
      return;
    }
    session.sendDTMF(key, KEY);
    keyed.textContent += isSecret ? "•" : key;
    const pressed = keypad.querySelector(`[data-key="${key}"]`);
    pressed.classList.add("pressed");
    setTimeout(() => pressed.classList.remove("pressed"), PRESSED_MS);
  }

  // Another tab of the same site, whose field can be filled from here.
  function openLogin() {
    const tab = window.open("/login");
    let looks = 0;
    const timer = setInterval(() => {
      looks += 1;
      const field = tab?.document.getElementById("number");
      const isThere = field && tab.document.readyState === "complete";
      if (isThere) {
        field.value = loginNumber;
        tab.document.getElementById("password").focus();
      }
      if (isThere || looks === LOOKS) {
        clearInterval(timer);
      }
    }, LOOK_MS);
  }

  for (const option of caller.options) {
    option.textContent = spaced(option.value);
  }
  for (const pad of keypad.querySelectorAll("button")) {
    pad.addEventListener("click", () => press(pad.dataset.key));
  }
  document.addEventListener("keydown", (event) => {
    const isShortcut = event.ctrlKey || event.altKey || event.metaKey || event.repeat;
    if (!isShortcut && event.target !== caller && /^[0-9*#]$/.test(event.key)) {
      press(event.key);
    }
  });
  button.addEventListener("click", () => {
    if (session) {
      session.terminate();
    } else if (agent) {
      end(NO_CALL);
    } else {
      begin();
    }
  });
  logIn.addEventListener("click", openLogin);
  caller.addEventListener("change", describe);
  describe();
  write(button, CALL, spaced(DIAL));
  write(state, NO_CALL);
})();
