// What is measured within the page: `meter`, for tests/bench/ui.py.
(() => {
  const frame = () => new Promise((done) => requestAnimationFrame(() => done(performance.now())));
  const until = async (holds) => {
    const begun = performance.now();
    while (!holds()) {
      await frame();
      if (performance.now() - begun > 20000) throw new Error(`in vain: ${holds}`);
    }
    return frame();
  };
  const shown = (testId) => [...document.querySelectorAll(`[data-testid=${testId}]`)];
  const visible = (element) => {
    const { top, bottom, height } = element.getBoundingClientRect();
    return height > 0 && bottom > 0 && top < innerHeight;
  };

  window.meter = {
    // Milliseconds after the navigation began at which somebody can write and send.
    usable: () => until(() => shown("message-input").length && shown("account-name")[0]?.textContent),
    // … at which a message with this text is on the screen.
    reads: (text) => until(() => shown("message").some((message) => message.textContent.includes(text) && visible(message))),
    // From the click on the chat's name in the list until its messages are on the screen, and no other's.
    async opens(title) {
      const link = shown("session-item").find((row) => row.textContent.includes(title)).querySelector("a");
      const begun = performance.now();
      link.click();
      const drawn = await until(() => {
        const on = shown("message").filter(visible);
        return on.length && on.every((message) => message.textContent.includes(title));
      });
      return drawn - begun;
    },
    // The frames of some seconds of scrolling from one end towards the other, and the most elements there were.
    async scrolls(testId, pixelsAFrame, seconds) {
      let scroller = shown(testId)[0];
      while (!(scroller.scrollHeight > scroller.clientHeight + 1 && /auto|scroll/.test(getComputedStyle(scroller).overflowY)))
        scroller = scroller.parentElement;
      const intervals = [];
      let [nodes, moved, at] = [0, 0, await frame()];
      const end = at + seconds * 1000;
      while (at < end) {
        const before = scroller.scrollTop;
        scroller.scrollTop += pixelsAFrame;
        moved += Math.abs(scroller.scrollTop - before);
        if (intervals.length % 15 === 0) nodes = Math.max(nodes, document.querySelectorAll("*").length);
        const next = await frame();
        intervals.push(next - at);
        at = next;
      }
      return { intervals, moved, nodes };
    },
  };
})();
