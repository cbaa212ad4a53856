"""Which of an entry's dates are an event's, and what else the text tells of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from itertools import zip_longest

from aggregator.events.cues import DECIDING, FORBIDDING, Cue, cues_of
from aggregator.events.mentions import (
    DateMention,
    Duration,
    TimeMention,
    mentions,
)
from aggregator.events.places import is_venue, venue_of
from aggregator.events.reading import Reading, read
from aggregator.events.resolve import LONGEST_BACK, days_of
from aggregator.model import Event, EventWords, When
from aggregator.russian import Analysis, FormCache
from aggregator.russian.nominative import nominative

#: Events below this are not told: see docs/events.md for what it means.
CERTAIN = 0.5

#: How far a word's say reaches, counted in words: a comma and a bracket part more than
#: a word does, a semicolon and a colon more than a clause of usual length.
_COMMA_COST = 3.0
_SEMICOLON_COST = 15.0
#: Verbs rule what stands before them, too, but less: «22 февраля прошла ярмарка».
_BEFORE_COST = 1.0

#: Words from a time to the day behind it: «в 19:00 в субботу, 5 мая».
_BESIDE = 2
#: Of such days a list of what is to come has none.
_NOT_LISTED = FORBIDDING | {Cue.PAST, Cue.END, Cue.HOLIDAY, Cue.MOVE, Cue.CANCEL}
#: Of a time beside these there is another, the start's.
_SURROUNDING = frozenset({Cue.GATHER, Cue.SERVICE, Cue.START})
_CLOSING = frozenset(("закрытие", "окончание", "завершение"))
_LAST = frozenset(("последний", "последнего"))
_MEANT_TO = frozenset(("должен", "должна", "должно", "должны"))
_WILL = frozenset(("будет", "будут"))

# What speaks for a date being an event's, on a scale where 2.5 is as likely as not.
# The weights were set on the labelled entries of tests/data/events.jsonl.
_CUE_SCORES = {
    Cue.HAPPEN: 3.0,
    Cue.PLANNED: 3.0,
    Cue.END: 2.0,
    Cue.VERB: 1.0,
    Cue.CANCEL: 2.5,
    Cue.MOVE: 2.5,
    Cue.WAS_PLANNED: 1.5,
    Cue.PAST: -3.0,
    Cue.HOLIDAY: -2.0,
    Cue.BOOKING: -4.0,
    Cue.TRAFFIC: -4.0,
    Cue.OTHER: -3.0,
}
_NO_VERB = 1.5
_EVENT_BESIDE = 1.5
_EVENT_IN_TITLE = 1.0
_TIME_BESIDE = 1.0
#: «20 мая — День донора. Прийти можно с 8:00 до 12:00.»
_TOLD_NEXT = 1.0
_VENUE_BESIDE = 0.5
_IN_TITLE = 0.5
#: «с 10 ноября по 4 декабря» under an event's title.
_RANGE_OF_TITLE = 0.5
#: «в субботу», «завтра» are said of much else.
_NOT_EXPLICIT = -0.5
#: «к 1 сентября», «от 5 мая», «не позднее 3 июля».
_NOT_THE_DAY = -3.0
_LATER = -0.02
_THRESHOLD = 2.5
_SURE = 7.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A date of the text with what it means and what decides over it."""

    mention: DateMention
    days: tuple[date, ...]
    #: None: nothing near it decides.
    role: Cue | None
    score: float

    @property
    def first(self) -> date:
        return self.days[0]

    @property
    def last(self) -> date:
        return self.days[-1]


def find_events(analysis: Analysis, published: date) -> tuple[Event, ...]:
    """The public happenings that an entry announces, by their start.

    ``published`` is the day of publication in the site's zone: years, weekdays and
    «завтра» are counted from it, and what was over by then is no event.
    """
    reading = read(analysis)
    found = mentions(reading)
    if not any(isinstance(mention, DateMention) for mention in found):
        return ()
    return _Entry(reading, found, published).events()


class _Entry:
    """One entry's mentions and cues, asked for what surrounds a word."""

    def __init__(
        self,
        reading: Reading,
        found: Sequence[DateMention | TimeMention | Duration],
        today: date,
    ) -> None:
        self.reading = reading
        self.today = today
        self.dates = [one for one in found if isinstance(one, DateMention)]
        self.times = [one for one in found if isinstance(one, TimeMention)]
        self.durations = [one for one in found if isinstance(one, Duration)]
        #: By sentence: the places of words that say something, and what.
        self.cues: dict[int, list[tuple[int, Cue]]] = {}
        #: The number of each word's clause.
        self.clauses: dict[int, int] = {}
        #: Sentences that name one.
        self.venues: set[int] = set()
        spoken = {reading.sentences[one.first] for one in found}
        title = reading.sentences[: reading.title_words]
        for sentence in sorted(spoken.union(title)):
            self._look_at(sentence, reading.span(sentence))
        self.moved = self._first(Cue.MOVE) is not None
        self.title_event = any(
            cue in (Cue.EVENT, Cue.LASTING)
            for sentence, cues in self.cues.items()
            for i, cue in cues
            if i < reading.title_words
        )

    def _look_at(self, sentence: int, words: range) -> None:
        """Plays may be called «Гроза» and «Преступление и наказание»."""
        tokens, gaps = self.reading.tokens, self.reading.gaps
        cues: list[tuple[int, Cue]] = []
        clause = 0  # compared inside the sentence alone
        quoted = False
        for i in words:
            form, gap = tokens[i], gaps[i]
            if gap != " ":
                clause += _parting[gap]
                quoted = gap.rfind("«") > gap.rfind("»") or (quoted and "»" not in gap)
            self.clauses[i] = clause
            for cue in cues_of[form]:
                placed = self._in_place(i, cue)
                if placed is not None and not (quoted and placed in FORBIDDING):
                    cues.append((i, placed))
            if is_venue[form]:
                self.venues.add(sentence)
        self.cues[sentence] = cues

    def _in_place(self, i: int, cue: Cue) -> Cue | None:
        """What a word says behind the words before it; None: nothing after all."""
        before = self.reading.tokens[max(0, i - 3) : i]
        if cue is Cue.HAPPEN and before[-1:] == ("не",):
            return Cue.CANCEL
        if cue in (Cue.HAPPEN, Cue.END) and _MEANT_TO.intersection(before):
            return Cue.WAS_PLANNED  # «должна была закрыться»
        if cue is Cue.PAST and _WILL.intersection(before):
            return Cue.HAPPEN  # «будет показан»
        if cue is Cue.BOOKING and {"без", "по"}.intersection(before[-2:]):
            return None  # «без записи», «вход по билетам»
        return cue

    def _first(self, cue: Cue) -> int | None:
        """Where a cue stands first."""
        found = (i for cues in self.cues.values() for i, one in cues if one is cue)
        return next(found, None)

    def _cues(self, i: int) -> list[tuple[int, Cue]]:
        return self.cues.get(self.reading.sentences[i], [])

    # --- roles ---

    def _distance(self, cue: int, mention: DateMention | TimeMention) -> float:
        """How far a word's say is from a mention of its sentence."""
        first, last = (
            (cue, mention.first) if cue < mention.first else (mention.last, cue)
        )
        cost = float(last - first)
        for gap in self.reading.gaps[first + 1 : last + 1]:
            if gap == " ":
                continue
            if ";" in gap or ":" in gap:
                cost += _SEMICOLON_COST
            elif "," in gap or "(" in gap or ")" in gap:
                cost += _COMMA_COST
        return cost + (_BEFORE_COST if cue > mention.last else 0)

    def _nearest(
        self, mention: DateMention | TimeMention, wanted: frozenset[Cue]
    ) -> tuple[int, Cue] | None:
        cues = [
            (i, cue)
            for i, cue in self._cues(mention.first)
            if cue in wanted and not mention.first <= i <= mention.last
        ]
        return min(cues, key=lambda one: self._distance(one[0], mention), default=None)

    def _role(self, mention: DateMention | TimeMention) -> Cue | None:
        """What decides over a mention: its clause's subject, else the nearest verb."""
        clauses = {self.clauses[mention.first]}
        nearest = self._nearest(mention, DECIDING)
        if nearest:
            clauses.add(self.clauses[nearest[0]])
        forbidding = [
            (i, cue)
            for i, cue in self._cues(mention.first)
            if cue in FORBIDDING
            and self.clauses[i] in clauses
            and not mention.first <= i <= mention.last
        ]
        if forbidding and not self._event_nearer(mention, forbidding, nearest):
            return forbidding[0][1]
        return nearest[1] if nearest else None

    def _event_nearer(
        self,
        mention: DateMention | TimeMention,
        forbidding: list[tuple[int, Cue]],
        nearest: tuple[int, Cue] | None,
    ) -> bool:
        """Whether an event's own verb stands between: «… состоится 5 мая, вход по билетам»."""
        if nearest is None or nearest[1] not in (Cue.HAPPEN, Cue.PLANNED):
            return False
        near = self._distance(nearest[0], mention)
        return all(
            self._distance(i, mention) > near + _COMMA_COST
            and self.clauses[i] != self.clauses[nearest[0]]
            for i, _ in forbidding
        )

    # --- dates ---

    def _seen(self) -> list[_Seen]:
        seen: list[_Seen] = []
        for mention in self.dates:
            role = self._role(mention)
            month_of = next((one.first for one in reversed(seen)), None)
            days = days_of(
                mention, self.today, past=role is Cue.PAST, month_of=month_of
            )
            if days and not self._is_dateline(mention, days[0]):
                score = self._score(mention, role, len(seen))
                seen.append(_Seen(mention=mention, days=days, role=role, score=score))
        return seen

    def _is_dateline(self, mention: DateMention, day: date) -> bool:
        """«Москва. 13 ноября. INTERFAX.RU - …», «КРАСНОДАР, 12 сен - РИА Новости.»

        A town, the day of publication, and a mark that ends it, with nothing said.
        """
        reading = self.reading
        if mention.kind != "day" or abs(day - self.today) > timedelta(days=1):
            return False
        first = mention.first - 1
        if first < 0 or not reading.form(first, first)[:1].isupper():
            return False
        named = reading.gaps[mention.first].strip() in (".", ",")
        closed = reading.gaps[mention.last + 1].strip()
        return named and closed[:1] in (".", "-", "–", "—", "/", "|")

    def _score(self, mention: DateMention, role: Cue | None, place: int) -> float:
        score = _NO_VERB if role is None else _CUE_SCORES[role]
        cues = {cue for _, cue in self._cues(mention.first)}
        if cues & {Cue.EVENT, Cue.LASTING}:
            score += _EVENT_BESIDE
        if self.title_event:
            score += _EVENT_IN_TITLE
            if mention.kind == "range":
                score += _RANGE_OF_TITLE
        if any(self._together(mention, time) for time in self.times):
            score += _TIME_BESIDE
        elif self._told_next(mention):
            score += _TOLD_NEXT
        if self.reading.sentences[mention.first] in self.venues:
            score += _VENUE_BESIDE
        if mention.first < self.reading.title_words:
            score += _IN_TITLE
        if mention.kind in ("weekday", "weekend", "relative"):
            score += _NOT_EXPLICIT
        if mention.preposition in ("к", "ко", "от", "после", "перед"):
            score += _NOT_THE_DAY
        if mention.first > 1 and self.reading.tokens[mention.first - 1] == "позднее":
            score += _NOT_THE_DAY
        return score + _LATER * place

    def _told_next(self, mention: DateMention) -> bool:
        """Whether the next sentence, with a time and without a day, is of an event."""
        following = self.reading.sentences[mention.first] + 1
        sentences = self.reading.sentences
        return (
            any(sentences[one.first] == following for one in self.times)
            and all(sentences[one.first] != following for one in self.dates)
            and any(
                cue in (Cue.EVENT, Cue.LASTING, Cue.START, Cue.HAPPEN)
                for _, cue in self.cues.get(following, ())
            )
        )

    def _together(self, mention: DateMention, time: TimeMention) -> bool:
        sentences = self.reading.sentences
        return sentences[mention.first] == sentences[time.first]

    # --- events ---

    def events(self) -> tuple[Event, ...]:
        seen = self._seen()
        moved_from, seen = self._without_old(seen)
        main = max(
            (one for one in seen if self._could_start(one)),
            key=lambda one: one.score,
            default=None,
        )
        end = self._told_end(seen, main)
        if main is None and moved_from is not None:
            return self._put_off(moved_from)
        if main is None or main.score < _THRESHOLD:
            return self._open(end) if end and end.score >= _THRESHOLD else ()
        if self._is_last_day(main):
            return self._open(main)
        return self._built(self._whole(main, seen), end, seen, moved_from)

    def _whole(self, main: _Seen, seen: list[_Seen]) -> _Seen:
        """The row of days that the best one lies in: «с 17 по 20 сентября … концерт 19-го»."""
        for one in seen:
            rows = one.mention.kind in ("range", "list", "weekend")
            if rows and one.first <= main.first <= one.last and one.score > 0:
                return replace(one, score=max(main.score, one.score))
        return main

    def _without_old(self, seen: list[_Seen]) -> tuple[_Seen | None, list[_Seen]]:
        """Takes out the day from which something was moved."""
        if not self.moved and not any(map(self._denied, seen)):
            return None, [self._overnight(one) for one in seen]
        old: _Seen | None = None
        kept: list[_Seen] = []
        for one in seen:
            if one.mention.kind == "pair":
                old = replace(one, days=one.days[:1])
                kept.append(replace(one, days=one.days[1:], score=one.score + 2))
            elif self._before(one) == "а" or (
                one.role is Cue.MOVE and one.mention.preposition == "на"
            ):
                kept.append(replace(one, score=one.score + 2))
            elif one.role in (Cue.WAS_PLANNED, Cue.MOVE) or self._denied(one):
                old = one
            else:
                kept.append(one)
        return old, kept

    def _denied(self, one: _Seen) -> bool:
        """«не 16 мая, а 6 июня», «вместо 16 мая — 6 июня»."""
        return self._before(one) in ("не", "вместо")

    def _before(self, one: _Seen) -> str:
        first = one.mention.first
        return self.reading.tokens[first - 1] if first else ""

    def _overnight(self, one: _Seen) -> _Seen:
        """«в ночь с 18 на 19 мая»."""
        if one.mention.kind != "pair":
            return one
        return replace(one, mention=replace(one.mention, kind="range"))

    def _could_start(self, one: _Seen) -> bool:
        mention = one.mention
        if mention.kind == "end":
            return mention.preposition != "до"
        if mention.preposition in ("до", "по") and mention.kind != "range":
            return False
        if one.last < self.today:
            return False
        return one.role is not Cue.END or not self._ends(one)

    def _ends(self, one: _Seen) -> bool:
        """Whether the verb beside a date is of ending: «завершится 5 июля»."""
        nearest = self._nearest(one.mention, DECIDING)
        if nearest is None or one.mention.kind in ("range", "list"):
            return False
        return not self.reading.tokens[nearest[0]].startswith("продолж")

    def _put_off(self, old: _Seen) -> tuple[Event, ...]:
        """«перенесён на неопределённый срок»: nobody tells the new day."""
        if old.last < self.today or old.score < _THRESHOLD:
            return ()
        word = self._first(Cue.MOVE)
        if word is None:
            return ()
        events = self._built(old, None, [old], None)
        words = self.reading.words("cancelled", word, word)
        return tuple(
            replace(event, cancelled=True, moved=True, words=(*event.words, words))
            for event in events
        )

    def _is_last_day(self, one: _Seen) -> bool:
        """«в последний день её работы», in the date's sentence or the next."""
        tokens, sentences = self.reading.tokens, self.reading.sentences
        if not _LAST.intersection(tokens):
            return False
        here = sentences[one.mention.first]
        return any(
            tokens[i] in _LAST
            and tokens[i + 1 : i + 2] in (("день",), ("дня",))
            and here <= sentences[i] <= here + 1
            and any(
                word.startswith(("работ", "выставк", "показ"))
                for word in tokens[i + 2 : i + 5]
            )
            for i in range(len(tokens))
        )

    def _told_end(self, seen: list[_Seen], main: _Seen | None) -> _Seen | None:
        """The last day that the text tells apart from the first: «продлится до 9 ноября»."""
        for one in seen:
            mention = one.mention
            ends = (
                mention.preposition in ("до", "по")
                and mention.kind not in ("range", "pair")
            ) or (one.role is Cue.END and self._ends(one))
            if not ends or one.role in FORBIDDING | {Cue.PAST, Cue.WAS_PLANNED}:
                continue
            if one.first < self.today or (main and one.first <= main.first):
                continue
            return one
        return None

    def _open(self, end: _Seen) -> tuple[Event, ...]:
        """What is under way already: its end is all that counts."""
        start = next(iter(self._begun(end)), None)
        return (
            self._event(
                start=When(day=start.first) if start else None,
                end=When(day=end.last),
                seen=end,
                words=self._words(("start", start), ("end", end)),
            ),
        )

    def _begun(self, end: _Seen) -> Iterator[_Seen]:
        """The day that an exhibition was opened: past, and told."""
        for one in self._seen():
            opened = one.mention.preposition == "с" or any(
                cue is Cue.START for _, cue in self._cues(one.mention.first)
            )
            recent = timedelta() < self.today - one.first <= LONGEST_BACK
            if opened and recent and one.mention.kind == "day":
                yield one

    def _built(
        self,
        main: _Seen,
        end: _Seen | None,
        seen: list[_Seen],
        moved_from: _Seen | None,
    ) -> tuple[Event, ...]:
        cancelled = self._cancelled(main)
        moved = moved_from is not None or self._moved_beside(main)
        times = self._times(main, seen)
        last = self._last_day(main, end, seen)
        closing = self._closing(main, times, seen)
        place = venue_of(self.reading, self._place_order(main, times))
        words = self._words(
            ("start", main),
            ("end", end if end and last == end.last else None),
            ("moved", moved_from),
        )
        if cancelled:
            words += cancelled
        if times:
            words += (self.reading.words("start", times.first, times.last),)
        if place:
            words += (self.reading.words("place", place.first, place.last),)

        def event(day: date, clock: time | None, last: When | None) -> Event:
            return Event(
                start=When(day=day, time=clock),
                end=last,
                place=nominative(place.text) if place else None,
                cancelled=bool(cancelled),
                moved=moved,
                moved_from=moved_from.first if moved_from else None,
                confidence=_confidence(main.score),
                words=words,
            )

        starts = times.starts if times else (None,)
        if last is not None and last > main.first:
            return (event(main.first, starts[0], When(day=last, time=closing)),)
        sessions = self._sessions(main, times, starts, seen)
        return tuple(
            event(
                day,
                clock,
                When(day=day, time=closing) if closing and clock else None,
            )
            for day, clock in sessions
        )

    def _cancelled(self, main: _Seen) -> tuple[EventWords, ...]:
        reading = self.reading
        here = reading.sentences[main.mention.first]
        for sentence, cues in self.cues.items():
            for i, cue in cues:
                in_title = i < reading.title_words and main.role is not Cue.HAPPEN
                if cue is Cue.CANCEL and (sentence == here or in_title):
                    return (reading.words("cancelled", i, i),)
        return ()

    def _moved_beside(self, main: _Seen) -> bool:
        """Whether the title or the date's sentence says that something was moved."""
        here = self.reading.sentences[main.mention.first]
        return any(
            cue is Cue.MOVE and (sentence == here or i < self.reading.title_words)
            for sentence, cues in self.cues.items()
            for i, cue in cues
        )

    def _last_day(
        self, main: _Seen, end: _Seen | None, seen: list[_Seen]
    ) -> date | None:
        """None for a single day and for sessions."""
        if main.mention.kind in ("range", "weekend"):
            return main.last
        if main.mention.kind in ("list", "weekday", "every") and len(main.days) > 1:
            return main.last if self._runs_through(main) else None
        if end is not None:
            return end.last
        return self._continued(main, seen) or self._counted(main)

    def _runs_through(self, main: _Seen) -> bool:
        """Whether days in a row are one happening, not sessions of it."""
        in_a_row = all(
            after - before == timedelta(days=1)
            for before, after in zip(main.days, main.days[1:], strict=False)
        )
        if not in_a_row:
            return False
        times = self._times(main, [main])
        if times is None or times.end is not None:
            return True
        near = self._cues(main.mention.first)
        return any(cue is Cue.LASTING for _, cue in near) or self._lasting_title()

    def _lasting_title(self) -> bool:
        return any(
            cue is Cue.LASTING
            for cues in self.cues.values()
            for i, cue in cues
            if i < self.reading.title_words
        )

    def _continued(self, main: _Seen, seen: list[_Seen]) -> date | None:
        """«Затем концерты продолжатся 23 и 24 марта», and the days next to those."""
        last = main.first
        for one in seen:
            going_on = one.role is Cue.END or last > main.first
            if going_on and one.first - last == timedelta(days=1):
                last = one.last
        return last if last > main.first else None

    def _counted(self, main: _Seen) -> date | None:
        """«будет работать три дня»."""
        here = self.reading.sentences[main.mention.first]
        for duration in self.durations:
            sentence = self.reading.sentences[duration.first]
            cues = {cue for _, cue in self._cues(duration.first)}
            if abs(sentence - here) <= 1 and cues & {Cue.HAPPEN, Cue.END, Cue.LASTING}:
                return main.first + timedelta(days=duration.days - 1)
        return None

    # --- times ---

    def _times(self, main: _Seen, seen: list[_Seen]) -> TimeMention | None:
        """When it starts on its day; None when the text does not tell."""
        scored = [
            (score, -place, one)
            for place, one in enumerate(self.times)
            if (score := self._time_score(one, main, seen)) is not None
        ]
        if not scored:
            return None
        best = max(scored, key=lambda one: one[:2])
        return self._first_of_row(best[2], scored) if best[0] >= 0 else None

    def _first_of_row(
        self, best: TimeMention, scored: list[tuple[float, int, TimeMention]]
    ) -> TimeMention:
        """«первые матчи – в 10 утра, финал в 16:00»: the first of those in the sentence."""
        sentences = self.reading.sentences
        if Cue.START in self._clause(best):
            return best
        for score, _, one in scored:
            same = sentences[one.first] == sentences[best.first]
            before = not self._clause(one) & {Cue.GATHER, Cue.BOOKING, Cue.SERVICE}
            if same and before and score > 0 and one.starts[0] < best.starts[0]:
                return one
        return best

    def _clause(self, one: TimeMention) -> set[Cue]:
        """What is said in the clause of a time."""
        return {
            cue
            for i, cue in self._cues(one.first)
            if self.clauses[i] == self.clauses[one.first]
        }

    def _time_score(
        self, one: TimeMention, main: _Seen, seen: list[_Seen]
    ) -> float | None:
        if one.until:
            return None
        sentences = self.reading.sentences
        here = sentences[one.first]
        its = self._day_of(one, seen)
        if its is not None and its.first != main.first:
            daily = one.end is not None and its.mention.preposition in ("до", "по")
            if not daily:  # «до 20 апреля с 9:00 до 20:00»
                return None
        spoken = [
            sentences[other.mention.first] for other in seen if _overlap(other, main)
        ]
        away = min(abs(here - sentence) for sentence in spoken)
        score = 2.0 if here in spoken else 1.0 if away <= 2 else 0.0
        clause = self._clause(one)
        if Cue.TRAFFIC in clause:
            return None
        if Cue.BOOKING in clause and not clause & {Cue.HAPPEN, Cue.START}:
            score -= 4
        if Cue.START in clause:
            score += 2
        if clause & {Cue.HAPPEN, Cue.EVENT, Cue.LASTING}:
            score += 1.5
        if Cue.GATHER in clause and Cue.START not in clause:
            score -= 1
        ends = Cue.END in clause and Cue.HAPPEN not in clause and one.end is None
        if ends and not self._and_then(one):
            return None
        if clause & {Cue.SERVICE, Cue.FINALE}:
            score -= 1
        return score

    def _and_then(self, one: TimeMention) -> bool:
        """«откроется в пятницу, 5 мая, в 17:00 и завершится в воскресенье»."""
        return self.reading.tokens[one.last + 1 : one.last + 2] == ("и",)

    def _day_of(self, one: TimeMention, seen: list[_Seen]) -> _Seen | None:
        """The day that a time belongs to: the last before it, or the next beside it."""
        sentences = self.reading.sentences
        here = [
            other
            for other in seen
            if sentences[other.mention.first] == sentences[one.first]
        ]
        before = [other for other in here if other.mention.first < one.first]
        if before:
            return before[-1]
        if here and here[0].mention.first - one.last <= _BESIDE:
            return here[0]
        return None

    def _closing(
        self, main: _Seen, times: TimeMention | None, seen: list[_Seen]
    ) -> time | None:
        """The hour at which it ends."""
        if times is None:
            return None
        if times.end is not None:
            return times.end
        for one in self.times:
            its = self._day_of(one, seen)
            if its is not None and not _overlap(its, main):
                continue
            role = self._role(one)
            ends = one.until or role is Cue.END or self._closes(one)
            if ends and role not in FORBIDDING and one.starts[0] > times.starts[-1]:
                return one.starts[0]
        return None

    def _closes(self, one: TimeMention) -> bool:
        """«начало в 10:00, закрытие в 17:00»."""
        before = self.reading.tokens[max(0, one.first - 2) : one.first]
        return not _CLOSING.isdisjoint(before)

    def _sessions(
        self,
        main: _Seen,
        times: TimeMention | None,
        starts: Sequence[time | None],
        seen: list[_Seen],
    ) -> list[tuple[date, time | None]]:
        listed = self._programme(main, seen)
        if listed:
            return listed
        if len(starts) == 1:
            listed = self._list(main, starts[0], seen)
            if listed:
                return listed
        if times is not None and len(starts) == 1:
            starts = self._parallel(times) or starts
        days = [day for day in main.days if day >= self.today]
        return [(day, clock) for day in days for clock in starts]

    def _programme(
        self, main: _Seen, seen: list[_Seen]
    ) -> list[tuple[date, time | None]]:
        """«13 августа в 20:00 — трио, 20 августа в 20:00 — квартет», in one sentence."""
        sentences = self.reading.sentences
        here = sentences[main.mention.first]
        days = [
            one
            for one in seen
            if sentences[one.mention.first] == here and one.mention.kind == "day"
        ]
        listed: list[tuple[date, time | None]] = []
        for one, following in zip_longest(days, days[1:]):
            until = following.mention.first if following else len(sentences)
            clocks = [
                clock
                for clock in self.times
                if one.mention.last < clock.first < until
                and sentences[clock.first] == here
            ]
            if one.first < self.today or one.score < _THRESHOLD or not clocks:
                return []
            listed += [(one.first, clock) for clock in clocks[0].starts]
        return listed if len(days) > 1 else []

    def _list(
        self, main: _Seen, common: time | None, seen: list[_Seen]
    ) -> list[tuple[date, time | None]]:
        """«3 января — джаз, 5 января — романсы. Начало в 17:00», a line each or not."""
        row: list[_Seen] = []
        for one in seen:
            if one.mention.kind != "day" or one.role in _NOT_LISTED:
                continue
            follows = row and self._is_elided(one) and one.first > row[-1].first
            if not follows:
                if main in row:
                    break
                row = []
            row.append(one)
        if main not in row or len(row) == 1:
            return []
        listed: list[tuple[date, time | None]] = []
        for one in row:
            beside = self._beside(one)
            clocks = beside.starts if beside else (common,)
            if one.first >= self.today:
                listed += [(one.first, clock) for clock in clocks]
        return listed

    def _is_elided(self, one: _Seen) -> bool:
        """Whether a dash stands for the verb: «5 января — романсы», «4 мая, 19:00 — …»."""
        clock = self._beside(one)
        last = clock.last if clock else one.mention.last
        return self.reading.gaps[last + 1].lstrip()[:1] in ("—", "–")

    def _beside(self, one: _Seen) -> TimeMention | None:
        """A time that follows a day at once: «4 мая, 19:00»."""
        at = one.mention.last + 1
        found = (
            time
            for time in self.times
            if time.first - at <= 1
            and time.first >= at
            and self._together(one.mention, time)
        )
        return next(found, None)

    def _parallel(self, times: TimeMention) -> list[time]:
        """«парад начнётся в 10:00, концерт — в 18:00, салют — в 22:00»."""
        found = []
        for one in self.times:
            if self.reading.sentences[one.first] != self.reading.sentences[times.first]:
                continue
            if self._closes(one):
                continue
            clause = self._clause(one)
            dashes = (
                self.reading.gaps[i].strip() for i in (one.first - 1, one.last + 1)
            )
            elided = any(dash in ("—", "–") for dash in dashes)
            named = clause & {Cue.EVENT, Cue.LASTING, Cue.FINALE}
            silent = not clause & (DECIDING | FORBIDDING | _SURROUNDING)
            if one is times or (
                one.preposition == "в" and silent and (named or elided)
            ):
                found.append(one.starts[0])
        return found if len(found) > 1 and found == sorted(found) else []

    # --- the rest ---

    def _event(
        self,
        *,
        start: When | None,
        end: When,
        seen: _Seen,
        words: tuple[EventWords, ...],
    ) -> Event:
        place = venue_of(self.reading, self._place_order(seen, None))
        if place:
            words += (self.reading.words("place", place.first, place.last),)
        return Event(
            start=start,
            end=end,
            place=nominative(place.text) if place else None,
            confidence=_confidence(seen.score),
            words=words,
        )

    def _place_order(self, main: _Seen, times: TimeMention | None) -> list[int]:
        """Sentences to look for the venue in: the date's, the time's, then the rest."""
        sentences = self.reading.sentences
        first = [sentences[main.mention.first]]
        if times:
            first.append(sentences[times.first])
        return list(dict.fromkeys([*first, *range(sentences[-1] + 1)]))

    def _words(self, *parts: tuple[str, _Seen | None]) -> tuple[EventWords, ...]:
        return tuple(
            self.reading.words(part, seen.mention.first, seen.mention.last)
            for part, seen in parts
            if seen is not None
        )


def _overlap(one: _Seen, other: _Seen) -> bool:
    if one.mention.kind in ("list", "weekday", "every") or len(one.days) == 1:
        mine = one.days
    else:
        mine = (one.first, one.last)
    return any(other.first <= day <= other.last for day in mine) or (
        one.first <= other.first <= one.last
    )


def _confidence(score: float) -> float:
    """0.5 at the threshold, 1 at ``_SURE`` and above."""
    share = (score - _THRESHOLD) / (_SURE - _THRESHOLD)
    return round(min(1.0, CERTAIN + (1 - CERTAIN) * max(0.0, share)), 2)


def _parts(gap: str) -> bool:
    """Whether what stands between two words parts clauses; «18:00» is one word."""
    return gap != ":" and any(mark in gap for mark in ",;:()")


#: Few gaps are not a blank, and they are the same few.
_parting: FormCache[bool] = FormCache(_parts)
