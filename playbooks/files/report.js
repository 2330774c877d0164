/*
Copyright (c) 2026, community.lxd contributors
GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
*/
"use strict";
// Text of servers only ever becomes text: nothing here parses HTML. Rows become elements when they are shown.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const firstRows = Number(document.getElementById("images-table").dataset.rows);
  const now = Date.now();
  const byId = (id) => document.getElementById(id);
  const number = new Intl.NumberFormat("en");
  const collator = new Intl.Collator("en", { numeric: true });

  // What the field has for the state of an image: one word, which is found in no other.
  const token = (state) => `is:${state.replace(" ", "-")};`;

  function make(name, className, ...content) {
    const element = document.createElement(name);
    if (className) element.className = className;
    element.append(...content);
    return element;
  }

  function size(bytes) {
    if (bytes >= 2 ** 30) return (bytes / 2 ** 30).toFixed(1) + " GiB";
    return bytes >= 104858 ? (bytes / 2 ** 20).toFixed(1) + " MiB" : bytes ? (bytes / 2 ** 10).toFixed(1) + " KiB" : "0";
  }

  function age(day) {
    // An age in days is enough, and does not depend on where the reader is.
    const days = Math.floor((now - Date.parse(day)) / 86400000);
    if (Number.isNaN(days) || days < 0) return "";
    if (days < 1) return "today";
    return days < 100 ? days + " d" : days < 730 ? Math.round(days / 30.44) + " months" : Math.round(days / 365.25) + " years";
  }

  function dayCell(day) {
    const cell = make("td", "d");
    if (day) cell.append(make("time", "", day), make("small", "", age(day)));
    return cell;
  }

  // A table whose rows are {keys: values to sort by, make: the row as an element, shown: whether the filter lets it through}.
  class Table {
    constructor(name, rows, limit) {
      this.body = byId(name + "-table").tBodies[0];
      this.more = byId(name + "-more");
      this.rows = rows;
      this.step = this.limit = limit;
      this.headers = [...byId(name + "-table").tHead.rows[0].cells];
      this.headers.forEach((header, column) => {
        const button = make("button", "", ...header.childNodes);
        button.type = "button";
        button.addEventListener("click", () => this.sort(column));
        header.replaceChildren(button);
        header.setAttribute("aria-sort", "none");
      });
      if (this.more) {
        this.more.addEventListener("click", () => {
          this.limit += this.step;
          this.render();
        });
      }
    }

    sort(column) {
      const header = this.headers[column];
      // Numbers and dates begin with the largest, text with the first.
      const before = header.getAttribute("aria-sort");
      const natural = this.rows.some((row) => typeof row.keys[column] === "number") ? "descending" : "ascending";
      const other = natural === "ascending" ? "descending" : "ascending";
      const direction = before === natural ? other : natural;
      this.headers.forEach((each) => each.setAttribute("aria-sort", each === header ? direction : "none"));
      const sign = direction === "ascending" ? 1 : -1;
      const compare = (one, two) => (typeof one === "number" && typeof two === "number" ? one - two : collator.compare(one, two));
      this.rows.sort((one, two) => sign * compare(one.keys[column], two.keys[column]));
      this.render();
    }

    render() {
      const shown = this.rows.filter((row) => row.shown !== false);
      this.body.replaceChildren(...shown.slice(0, this.limit).map((row) => (row.element ??= row.make())));
      if (this.more) {
        const left = shown.length - this.limit;
        this.more.hidden = left <= 0;
        this.more.textContent = `Show ${number.format(Math.min(left, this.step))} more of ${number.format(left)}`;
      }
      return shown.length;
    }
  }

  const states = new Map();
  const images = data.images.map((image) => {
    const [server, project, aliases, description, fingerprint, kind, bytes, built, added, users, lastUsed, source, marks, expires, fate] = image;
    const words = marks.map((mark) => data.states[mark]);
    const expired = expires && Date.parse(expires) <= now;
    if (expired) words.push("expired");
    if (fate === "would go") words.push(fate);
    words.forEach((word) => states.set(word, (states.get(word) ?? 0) + 1));
    const inProject = data.projects[project];
    const text = [data.servers[server], inProject, ...aliases, description, fingerprint, data.kinds[kind], data.sources[source], fate];
    return {
      aliases: aliases.map((alias) => inProject + "\n" + alias),
      text: [...text, ...words.map(token), ...words].join("\n").toLowerCase(),
      keys: [
        data.servers[server], aliases.join(" "), description, words.join(" "), fate, bytes, Date.parse(built) || 0, Date.parse(added) || 0, users,
        Date.parse(lastUsed) || 0, data.sources[source],
      ],
      make() {
        const where = make("th", "", data.servers[server]);
        where.scope = "row";
        if (inProject !== "default") where.append(make("small", "", inProject));
        const names = make("td", "");
        aliases.forEach((alias) => names.append(make("span", "alias", alias), " "));
        const what = make("td", "", description, make("small", "", make("code", "", fingerprint), " ", data.kinds[kind]));
        const state = make("td", "");
        words.filter((word) => word !== "would go").forEach((word) => state.append(make("span", "chip " + word.replace(" ", "-"), word), " "));
        if (expires && !expired) state.append(make("span", "chip", "expires " + expires.slice(0, 10)));
        const prune = make("td", "", fate === "would go" ? make("span", "chip bad", fate) : fate);
        return make(
          "tr", "", where, names, what, state, prune, make("td", "n", size(bytes)), dayCell(built), dayCell(added),
          make("td", "n", users < 0 ? "?" : String(users)), dayCell(lastUsed), make("td", "", data.sources[source]),
        );
      },
    };
  });

  const letterOf = (build) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[build] ?? String(build + 1);
  const aliases = data.aliases.map(([project, name, differs, cells, builds]) => ({
    alias: project + "\n" + name,
    text: (project + "\n" + name).toLowerCase(),
    keys: [name, differs, ...cells, builds.length],
    make() {
      const head = make("th", "", name);
      head.scope = "row";
      if (project !== "default") head.append(make("small", "", project));
      const row = make("tr", "", head, make("td", "", ["no", "missing", "builds"][differs]));
      for (const build of cells) {
        if (build === -2) row.append(make("td", "b unknown", "?"));
        else if (build === -1) row.append(make("td", "b none", "\u2013"));
        else row.append(make("td", "b b" + (build % 6), letterOf(build)));
      }
      const list = make("td", "builds");
      builds.forEach(([fingerprint, built], build) => {
        list.append(make("span", "", letterOf(build) + " ", make("code", "", fingerprint), ` ${built} `), " ");
      });
      row.append(list);
      return row;
    },
  }));

  const servers = [...byId("servers-table").tBodies[0].rows].map((row) => ({
    element: row,
    keys: [...row.cells].map((cell) => (cell.dataset.sort ? Number(cell.dataset.sort) : cell.textContent === "?" ? -1 : cell.textContent)),
  }));

  const tables = {
    servers: new Table("servers", servers, Infinity),
    aliases: new Table("aliases", aliases, firstRows),
    images: new Table("images", images, firstRows),
  };
  const field = byId("words");
  const chips = [...states].sort().map(([word, count]) => {
    const chip = make("button", "", `${word} ${number.format(count)}`);
    chip.type = "button";
    chip.addEventListener("click", () => {
      const words = field.value.split(/\s+/).filter(Boolean);
      field.value = (words.includes(token(word)) ? words.filter((each) => each !== token(word)) : [...words, token(word)]).join(" ");
      filter();
    });
    return { chip, word };
  });

  // All words have to be in an image. An alias is shown if it has them itself, or points at such an image.
  function filter() {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (row) => words.every((word) => row.text.includes(word));
    const named = new Set();
    images.forEach((row) => {
      row.shown = fits(row);
      if (row.shown) row.aliases.forEach((alias) => named.add(alias));
    });
    aliases.forEach((row) => (row.shown = named.has(row.alias) || fits(row)));
    tables.images.limit = tables.aliases.limit = firstRows;
    const [imageCount, aliasCount] = [tables.images.render(), tables.aliases.render()];
    byId("count").textContent =
      `${number.format(imageCount)} of ${number.format(images.length)} images, ${number.format(aliasCount)} of ${number.format(aliases.length)} aliases`;
    chips.forEach(({ chip, word }) => chip.setAttribute("aria-pressed", String(words.includes(token(word)))));
  }

  byId("chips").append(...chips.map(({ chip }) => chip));
  let waiting;
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(filter, images.length > 5000 ? 250 : 50);
  });
  byId("filter").addEventListener("submit", (event) => event.preventDefault());
  byId("filter").hidden = false;
  // The file is only written when something has changed.
  const written = new Date(document.lastModified);
  byId("changed").textContent = `Something has last changed on ${written.toISOString().slice(0, 10)} (${age(written.toISOString().slice(0, 10))}).`;
  byId("changed").hidden = false;
  filter();
})();
