// A Tom Select that keeps up with the hand.

// What is typed is looked up at once: after a pause, Enter would take a value from the list of before, and the list would open
// wherever one has gone meanwhile. It also stays closed once the field is left.
export function picker(select, settings) {
  const made = new window.TomSelect(select, { refreshThrottle: 0, clearAfterSelect: true, ...settings });
  const open = made.open.bind(made);
  made.open = () => {
    if (made.isFocused) open();
  };
  return made;
}
