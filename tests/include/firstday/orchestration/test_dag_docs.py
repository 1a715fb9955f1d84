"""The page about the DAGs says what their files say."""

from include.firstday.orchestration import dag_docs


def test_the_page_is_up_to_date() -> None:
    assert dag_docs.TARGET.read_text(encoding="utf-8") == dag_docs.render(), (
        "run: python -m include.firstday.orchestration.dag_docs"
    )


def test_every_dag_says_what_to_do_when_it_fails() -> None:
    page = dag_docs.render()
    assert page.count("**When it fails**") >= 3
