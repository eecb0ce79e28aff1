// Runs before the first paint, so that neither the theme nor the direction of writing flashes.
(function () {
  var root = document.documentElement;
  try {
    var theme = localStorage.getItem('theme');
    if (theme === 'light' || theme === 'dark') root.dataset.theme = theme;
    var lang = localStorage.getItem('lang');
    if (lang) {
      root.lang = lang;
      root.dir = lang === 'ar' || lang === 'ur' ? 'rtl' : 'ltr';
    }
  } catch (e) {
    // Storage may be forbidden; the system's theme and language serve then.
  }
})();
