// lifted() is when no button is being pressed.
//
// What comes from the server may move the button that somebody is just pressing,
// and a click that begins on a button and ends beside it is none. So whatever
// changes the page by itself waits for the finger.
"use strict";
const lifted = (() => {
  let until = Promise.resolve(), lift = () => {};
  addEventListener("pointerdown", () => { lift(); until = new Promise((done) => { lift = done; }); }, true);
  for (const up of ["pointerup", "pointercancel"]) addEventListener(up, () => { setTimeout(lift); }, true); // after the click
  addEventListener("pointermove", (event) => { if (!event.buttons) lift(); }, true); // it was lifted outside the window
  addEventListener("blur", () => lift()); // of the window: a field's does not come up to here
  return () => until;
})();
