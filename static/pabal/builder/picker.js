// A Tom Select whose list stays closed once the field is left.

// What is typed is looked up a moment later, and the list opened then, wherever one has gone meanwhile.
export function picker(select, settings) {
  const made = new window.TomSelect(select, settings);
  const open = made.open.bind(made);
  made.open = () => {
    if (made.isFocused) open();
  };
  return made;
}
