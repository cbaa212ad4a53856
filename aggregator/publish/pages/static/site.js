// Times of today are told as "2 часа назад"; without this script they stand as printed.
"use strict";
(() => {
  const said = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });
  const times = [...document.querySelectorAll("time")];
  for (const time of times) time.title = time.textContent;
  const tell = () => {
    for (const time of times) {
      const minutes = Math.floor((Date.now() - Date.parse(time.dateTime)) / 60000);
      time.textContent =
        minutes < 0 || minutes >= 1440 ? time.title
        : minutes < 60 ? said.format(-minutes, "minute")
        : said.format(-Math.floor(minutes / 60), "hour");
    }
  };
  tell();
  setInterval(tell, 60000);
})();
