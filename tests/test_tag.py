"""How rules match words, and what a match weighs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import Term, Topic
from aggregator.russian import analyse
from aggregator.tag import compile_topics, tag

#: Says nothing of any topic; 50 words, so that nothing is short.
FILLER = "Дождь шёл с утра над полями и рекой до самого позднего вечера. " * 5


def term(rule):
    return rule if isinstance(rule, Term) else Term(written=rule)


def topic(*words, excluded=(), threshold=1.0, key="culture", **settings):
    return Topic(
        key=key,
        title=key.title(),
        threshold=threshold,
        words=tuple(map(term, words)),
        excluded=tuple(map(term, excluded)),
        **settings,
    )


def scores(title, text, *topics, categories=(), given=()):
    return tag(
        analyse(title, text),
        categories=categories,
        given=given,
        rules=compile_topics(topics),
    )


def score(title, text, *words, categories=(), given=(), **settings):
    """The one topic's score; None when nothing speaks for it."""
    found = scores(
        title, text, topic(*words, **settings), categories=categories, given=given
    )
    return found[0] if found else None


def forms(rule, title, **settings):
    found = score(title, FILLER, rule, **settings)
    return [term.form for term in found.terms] if found else []


# --- what matches --------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "title", "form"),
    [
        ("театр", "В театрах города", "театрах"),
        ("театр", "ТЕАТР открыт", "ТЕАТР"),
        ("театры", "Новый театр", "театр"),
        ("ребёнок", "Детям вход открыт", "Детям"),
        ("елка", "Ёлку зажгут завтра", "Ёлку"),
        ("ёлка", "Елку зажгут завтра", "Елку"),
        ("концерт", "Рок-концерт на набережной", "концерт"),
        ("щелкунчик", "Балет «Щелкунчик» в Сочи", "Щелкунчик"),
        ("ковид", "Число больных ковидом растёт", "ковидом"),
        ("замок", "Старый за\u0301мок", "за\u0301мок"),
    ],
    ids=str,
)
def test_a_word_matches_in_any_form(rule, title, form):
    assert forms(rule, title) == [form]


def test_a_form_of_another_word_does_not_match():
    """«Белки» are squirrels more often than proteins."""
    assert forms("белок", "Белки в парке") == []
    assert forms("белка", "Белки в парке") == ["Белки"]


def test_a_word_is_read_as_the_lemma_that_it_is():
    """«Йога» is most often a form of «йог», but who writes it in a rule means yoga."""
    assert forms("йога", "О йоге и йогой") == ["йоге", "йогой"]
    assert forms("белки", "Белки в парке") == ["Белки"]


def test_matches_by_stem_where_the_dictionary_errs():
    assert forms("мацеста", "Курорт у Мацесты") == ["Мацесты"]


def test_short_stems_match_nothing():
    """«Корь» and «кора» share one."""
    assert forms("корь", "Стимуляция зрительной коры") == []
    assert forms("корь", "Вспышка кори") == ["кори"]


@pytest.mark.parametrize(
    ("rule", "title", "found"),
    [
        ("выстав*", "Выставочный зал и выставки", ["Выставочный", "выставки"]),
        ("выстав*", "Поставка", []),
        ("ёлоч*", "Елочный базар", ["Елочный"]),
        ("=МХАТ", "Во МХАТ и в мхат", ["МХАТ"]),
        ("=МХАТ", "Во МХАТе", []),
        ("=Артём", "Артем и артем", ["Артем"]),
        ("=Дом кино", "В Дом кино и в дом кино", ["Дом кино"]),
    ],
    ids=str,
)
def test_prefixes_and_exact_forms(rule, title, found):
    assert forms(rule, title) == found


@pytest.mark.parametrize(
    ("rule", "title", "found"),
    [
        ("премьера спектакля", "Премьеру спектакля покажут", ["Премьеру спектакля"]),
        (
            "премьера спектакля",
            "Премьера нового детского спектакля",
            ["Премьера нового детского спектакля"],
        ),
        ("премьера спектакля", "Премьера одного очень нового спектакля", []),
        ("премьера спектакля", "Спектакль и премьера", []),
        ("премьера спектакля", "Была премьера. Спектакль понравился", []),
        ("музей фелицына", "Музей им. Фелицына", ["Музей им. Фелицына"]),
        ("мастер-класс", "Мастер-классы для всех", ["Мастер-классы"]),
        ("мастер-класс", "Мастер нового класса", []),
        ("картин* выставка", "Картинная выставка", ["Картинная выставка"]),
        (Term(written="день города", gap=0), "День рождения города", []),
        (
            Term(written="день города", gap=1),
            "День рождения города",
            ["День рождения города"],
        ),
        ("хор хор песня", "Хор и хор пели песни", ["Хор и хор пели песни"]),
    ],
    ids=str,
)
def test_phrases_are_lemmas_in_order_and_near(rule, title, found):
    assert forms(rule, title) == found


def test_a_phrase_tries_later_words_when_the_nearest_leads_nowhere():
    rule = Term(written="дом культуры кубани", gap=1)

    assert forms(rule, "Дом культуры, театра на Кубани") == []
    assert forms(rule, "Дом культуры, культуры на Кубани") == [
        "Дом культуры, культуры на Кубани"
    ]


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ("any", ["title", "category", "text"]),
        ("title", ["title"]),
        ("text", ["text"]),
        ("category", ["category"]),
    ],
)
def test_a_field_narrows_where_a_term_is_looked_for(field, found):
    result = score(
        "Театр",
        "Театр. " + FILLER,
        Term(written="театр", field=field),
        categories=["Театр"],
    )

    assert [term.field for term in result.terms] == found


# --- groups ----------------------------------------------------------------------


def all_of(*members, **settings):
    written = f"{{all: [{', '.join(members)}]}}"
    return Term(written=written, kind="all", members=members, **settings)


def any_of(*members, **settings):
    written = f"{{any: [{', '.join(members)}]}}"
    return Term(written=written, kind="any", members=members, **settings)


@pytest.mark.parametrize(
    ("rule", "title", "found"),
    [
        (
            all_of("фестиваль", "казачий"),
            "Казачий хор едет на фестиваль",
            ["Казачий … фестиваль"],
        ),
        (all_of("фестиваль", "казачий"), "Фестиваль начат. Казачий хор едет", []),
        (all_of("фестиваль", "казачий"), "Фестиваль, ещё фестиваль", []),
        (
            all_of("день города", "=Сочи", "концерт*"),
            "Концертами отметит День города Сочи",
            ["Концертами … День города … Сочи"],
        ),
        (any_of("хор", "оркестр"), "Оркестр и хор, хор и оркестр", ["Оркестр"]),
        (any_of("хор", "дом культуры"), "В Доме культуры", ["Доме культуры"]),
        (
            Term(written="альбом", none=("фото*",)),
            "Альбом для фотографий. Новый альбом",
            ["альбом"],
        ),
        (
            any_of("хор", "оркестр", none=("футбольный",)),
            "Футбольный хор болельщиков",
            [],
        ),
        (all_of("хор", "концерт", none=("отменить",)), "Концерт хора отменили", []),
    ],
    ids=str,
)
def test_groups_look_at_whole_sentences(rule, title, found):
    assert forms(rule, title) == found


def test_a_group_is_explained_as_written_at_its_first_word():
    rule = all_of("фестиваль", "казачий", weight=2)

    (found,) = score("Едет казачий хор на фестиваль", FILLER, rule).terms

    assert (found.rule, found.lemma) == (rule.written, "казачий фестиваль")
    assert (found.position, found.weight) == (5, 4.0)


def test_an_any_counts_once_in_the_whole_entry():
    rule = any_of("хор", "оркестр")

    result = score("Хор едет", "Оркестр и хор. " + FILLER, rule)

    assert [(term.form, term.weight) for term in result.terms] == [("Хор", 2.0)]


def test_an_all_repeats_by_sentences():
    rule = all_of("хор", "оркестр")

    result = score("О поездке", "Хор и оркестр. Оркестр и хор. " + FILLER, rule)

    assert [term.weight for term in result.terms] == [1.0, 0.5]
    assert result.tagged  # two different words: no passing mention


def test_a_group_may_veto():
    excluded = (all_of("концерт", "суд", veto=True),)

    result = score("Суд запретил концерт", FILLER, "концерт", excluded=excluded)

    assert result.vetoes == ("{all: [концерт, суд]}",)


# --- the event frame -------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "text", "found"),
    [
        ("Концерт — 13 сентября", FILLER, "Концерт … 13 сентября"),
        ("Ярмарка", "Сбор гостей. На ярмарку зовут в субботу.", "ярмарку … субботу"),
        ("Забег 12.09.2026", FILLER, "Забег … 12.09.2026"),
        ("Мастер-класс завтра в 12:30", FILLER, "Мастер-класс … завтра"),
        ("Концерт в Сочи", "Его дадут 13 сентября. " + FILLER, None),
        ("Концерт 5 мая 1943 года вспоминают", FILLER, None),
        ("Совещание 13 сентября", FILLER, None),
        ("Новости", FILLER + "Концерт 13 сентября.", None),
        ("Концерта 13 сентября не будет, решил суд", FILLER, None),
    ],
    ids=str,
)
def test_a_happening_and_its_date_in_one_sentence_give_the_topic(title, text, found):
    frame = topic(excluded=["суд"], threshold=50, key="events", event_frame=True)

    given = [score.terms[0] for score in scores(title, text, frame)]

    assert [term.form for term in given] == ([found] if found else [])
    assert all((term.rule, term.weight) == ("event_frame", 0.0) for term in given)


def test_the_event_frame_gives_way_to_a_veto():
    excluded = (Term(written="некролог", veto=True),)

    (result,) = scores(
        "Концерт 13 сентября",
        "Некролог. " + FILLER,
        topic(excluded=excluded, event_frame=True),
    )

    assert (result.tagged, result.vetoes) == (False, ("некролог",))


def test_without_event_frame_a_date_says_nothing():
    assert scores("Концерт — 13 сентября", FILLER, topic("опера")) == ()


def test_a_term_without_a_word_is_refused():
    with pytest.raises(ValueError, match="culture"):
        compile_topics([topic("*")])


# --- what it weighs ------------------------------------------------------------


def test_explains_every_match_to_the_character():
    text = f"{FILLER}Премьеру «Спектакля» ждут."
    result = score("Новости", text, Term(written="премьера спектакля", weight=2))

    (found,) = result.terms
    assert found.rule == "премьера спектакля"
    assert found.form == "Премьеру «Спектакля"
    assert found.lemma == "премьера спектакль"
    assert found.field == "text"
    assert found.position == len(FILLER)
    assert result.score == found.weight == 2 * 0.6


def test_title_lead_middle_and_rest_weigh_less_and_less():
    def weight(before):
        return score("Новости", "слово " * before + "театр", "театр").terms[0].weight

    assert score("Театр", FILLER, "театр").terms[0].weight == 2.0
    assert [weight(n) for n in (0, 44, 45, 109, 110, 500)] == [
        1.0,
        1.0,
        0.6,
        0.6,
        0.35,
        0.35,
    ]


def test_positions_of_a_topic_replace_the_default():
    result = score("Новости", FILLER + "театр", "театр", positions=(3.0, 2.0, 1.0))

    assert result.terms[0].weight == 2.0


def test_repeats_count_half_a_quarter_and_nothing():
    result = score("Новости", "Театр, театра, театру, театры. " + FILLER, "театр")

    assert [term.weight for term in result.terms] == [1.0, 0.5, 0.25]
    assert result.score == 1.75


def test_excluded_terms_are_taken_off():
    result = score(
        "Министерство культуры и театр",
        FILLER,
        "культура",
        "театр",
        excluded=[Term(written="министерство культуры", weight=1.5)],
        threshold=2,
    )

    assert [(t.form, t.weight) for t in result.terms] == [
        ("Министерство культуры", -3.0),
        ("культуры", 2.0),
        ("театр", 2.0),
    ]
    assert result.score == 1.0
    assert not result.tagged


def test_only_excluded_terms_leave_no_score():
    assert (
        score("Министерство культуры", FILLER, "театр", excluded=["министерство"])
        is None
    )


def test_a_veto_forbids_whatever_the_sum():
    result = score(
        "Некролог: театр прощается",
        FILLER,
        "театр",
        excluded=[Term(written="некролог", veto=True)],
        given=["culture"],
        categories=["Культура"],
    )

    assert result.vetoes == ("некролог",)
    assert not result.tagged


@pytest.mark.parametrize(
    ("length", "threshold"), [(39, 1.2), (40, 2.0)], ids=["short", "long"]
)
def test_short_texts_are_asked_for_less(length, threshold):
    result = score("Театр", "слово " * length, "театр", threshold=2)

    assert result.threshold == threshold


# --- the gate ------------------------------------------------------------------


def test_one_word_of_the_text_is_a_passing_mention():
    result = score("Новости", "Театр. " + FILLER, "театр")

    assert result.score == result.threshold
    assert not result.tagged
    assert result.vetoes == ("title_gate",)


@pytest.mark.parametrize(
    ("title", "text", "categories"),
    [
        ("В театре", "", []),
        ("Новости", "Театр и музей. ", []),
        ("Новости", "Театр. ", ["Театр"]),
    ],
    ids=["title", "two words of the lead", "category"],
)
def test_the_gate_opens(title, text, categories):
    result = score(title, text + FILLER, "театр", "музей", categories=categories)

    assert result.tagged
    assert result.vetoes == ()


def test_two_forms_of_one_word_do_not_open_the_gate():
    assert not score("Новости", "Театр и театры. " + FILLER, "театр").tagged


def test_two_words_below_the_lead_do_not_open_the_gate():
    text = FILLER + "театр и музей"

    assert not score("Новости", text, "театр", "музей").tagged


def test_terms_that_only_support_others_open_no_gate():
    supporting = Term(written="театр", weight=0.4)

    assert score("Театр", FILLER, supporting, threshold=0.5).vetoes == ("title_gate",)


def test_a_topic_may_do_without_the_gate():
    assert score("Новости", "Театр. " + FILLER, "театр", title_gate=False).tagged


def test_the_gate_is_not_named_when_the_sum_was_not_reached():
    assert score("Новости", "Театр. " + FILLER, "театр", threshold=5).vetoes == ()


# --- given by the source -------------------------------------------------------


def test_a_source_gives_its_topics():
    result = score("Новости", FILLER, "театр", given=["culture", "sport"])

    assert result.tagged
    assert result.score == 0
    (found,) = result.terms
    assert (found.rule, found.field, found.form) == ("culture", "source", "")


@pytest.mark.parametrize(
    ("rule", "category", "gives"),
    [
        ("Культура", "культура", True),
        ("Культура", " КУЛЬТУРА ", True),
        ("Культура", "Культура и спорт", False),
        ("Культура*", "Культура и спорт", True),
        ("Съёмки*", "Съемки в крае", True),
        ("Афиша*", "Наша афиша", False),
    ],
)
def test_categories_give_a_topic(rule, category, gives):
    result = scores(
        "Новости",
        FILLER,
        topic("театр", categories=(rule,)),
        categories=["Разное", category],
    )

    assert bool(result) is gives
    if gives:
        assert result[0].tagged
        assert (result[0].terms[0].rule, result[0].terms[0].form) == (rule, category)
        assert result[0].terms[0].field == "category"


def test_topics_do_not_touch_each_other_and_keep_their_order():
    found = scores(
        "Врач в театре",
        FILLER,
        topic("театр", key="culture"),
        topic("музей", key="heritage"),
        topic("врач", key="health"),
    )

    assert [s.topic for s in found] == ["culture", "health"]


# --- laws ----------------------------------------------------------------------

VOCABULARY = (
    "театр театра Театру МХАТ мхат премьера премьеру нового спектакля спектакль ёлка "
    "Ёлки елку некролог дождь и в выставочный рок-концерт «Концерт» . !"
)
WORDS = st.sampled_from([*VOCABULARY.split(), "\n"])
SENTENCES = st.lists(WORDS, max_size=60).map(" ".join)
LAW = compile_topics(
    [
        topic(
            "театр",
            "=МХАТ",
            "премьера спектакля",
            "выстав*",
            "ёлка",
            "рок-концерт",
            excluded=[Term(written="дождь"), Term(written="некролог", veto=True)],
        ),
        topic(Term(written="концерт", field="title"), key="events"),
        topic(
            all_of("театр", "ёлка"),
            any_of("ёлка", "премьера спектакля", none=("дождь",)),
            key="groups",
        ),
    ]
)


@given(title=SENTENCES, text=SENTENCES, category=SENTENCES)
def test_reasons_add_up_and_point_at_what_they_name(title, text, category):
    entry = analyse(title, text)
    found = tag(entry, categories=[category], given=[], rules=LAW)

    assert found == tag(
        analyse(title, text), categories=[category], given=[], rules=LAW
    )
    fields = {"title": title, "text": text, "category": category}
    for result in found:
        assert result.score == pytest.approx(sum(t.weight for t in result.terms))
        assert not (
            result.tagged and (result.vetoes or result.score < result.threshold)
        )
        for reason in result.terms:
            field, position = fields[reason.field], reason.position
            for form in reason.form.split(" … "):
                position = field.index(form, position)
            assert field.startswith(reason.form.split(" … ")[0], reason.position)
