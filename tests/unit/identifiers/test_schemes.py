from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.identifiers.schemes import normalise
from jobrunner.models import SCHEMES
from tests.unit.identifiers.spellings import LIKE_IDENTIFIERS, SHA


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("10.1109/GLOCOM.2017.8254046", "10.1109/glocom.2017.8254046"),
        ("https://doi.org/10.1145/3442188.3445922", "10.1145/3442188.3445922"),
        ("http://dx.doi.org/10.1145/3442188.3445922?locale=en", "10.1145/3442188.3445922"),
        ("doi: 10.1000/xyz123.", "10.1000/xyz123"),
        ("DOI 10.1000/xyz123,", "10.1000/xyz123"),
        ("info:doi/10.1000/xyz123", "10.1000/xyz123"),
        ("(10.1000/xyz123)", "10.1000/xyz123"),
        ("10.1016/S0140-6736(05)66912-7", "10.1016/s0140-6736(05)66912-7"),
        ("10.1002/(SICI)1097(199410)45:9%3C656::AID-ASI3%3E3.0.CO;2-1",
         "10.1002/(sici)1097(199410)45:9<656::aid-asi3>3.0.co;2-1"),
        ("https://dl.acm.org/doi/pdf/10.1145/3442188.3445922", "10.1145/3442188.3445922"),
        ("https://www.biorxiv.org/content/10.1101/2020.01.01.123456v1.full.pdf",
         "10.1101/2020.01.01.123456"),
        ("10.48550/arXiv.2304.09006v2", "10.48550/arxiv.2304.09006"),
        ("10.1000/xyz\u200b", "10.1000/xyz"),
        ("10.1000/two words", None),
        ("10.1/too-short", None),
        ("not a doi", None),
        ("", None),
    ],
)  # fmt: skip
def test_a_doi_has_one_spelling(written: str, canonical: str | None) -> None:
    assert normalise("doi", written) == canonical


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("arXiv:2304.09006v2", "2304.09006"),
        ("https://arxiv.org/pdf/2304.09006v2.pdf", "2304.09006"),
        ("https://arxiv.org/html/2304.09006", "2304.09006"),
        ("https://www.alphaxiv.org/abs/2304.09006", "2304.09006"),
        ("10.48550/arXiv.2304.09006", "2304.09006"),
        ("math.GT/0309136", "math/0309136"),
        ("hep-th/9901001v3", "hep-th/9901001"),
        ("solv-int/9901001", "solv-int/9901001"),
        ("arXiv:cs/0112017 [cs.LG]", "cs/0112017"),
        (1412.6980, None),  # a number that lost its last zero
        ("2304.0900", None),
        ("2313.09006", None),
        ("2304", None),
    ],
)
def test_an_arxiv_id_has_neither_version_nor_subject_class(
    written: object, canonical: str | None
) -> None:
    assert normalise("arxiv", written) == canonical


@pytest.mark.parametrize(
    ("scheme", "written", "canonical"),
    [
        ("pmid", 123456, "123456"),
        ("pmid", 123456.0, "123456"),
        ("pmid", "PMID: 0123456", "123456"),
        ("pmid", "https://pubmed.ncbi.nlm.nih.gov/123456/", "123456"),
        ("pmid", True, None),
        ("pmid", 0, None),
        ("pmcid", "123456", "PMC123456"),
        ("pmcid", "PMC123456.1", "PMC123456"),
        ("pmcid", "https://www.ncbi.nlm.nih.gov/pmc/articles/123456", "PMC123456"),
        ("openalex", "https://openalex.org/w2741809807", "W2741809807"),
        ("openalex", "2741809807", None),
        ("s2", SHA.upper(), SHA),
        ("s2", f"https://www.semanticscholar.org/paper/A-Title/{SHA}", SHA),
        ("s2", SHA[:-1], None),
        ("corpusid", "CorpusID:215416146", "215416146"),
        ("mag", 2741809807, "2741809807"),
        ("acl", "https://aclanthology.org/P18-1001.pdf", "P18-1001"),
        ("acl", "2020.ACL-main.447", "2020.acl-main.447"),
        ("dblp", "DBLP:conf/nips/VaswaniSPUJGKP17", "conf/nips/VaswaniSPUJGKP17"),
        ("dblp", "phd/Dijkstra59", "phd/Dijkstra59"),
        ("isbn", "9780262033848", None),
    ],
)
def test_other_schemes_have_one_spelling(
    scheme: str, written: object, canonical: str | None
) -> None:
    assert normalise(scheme, written) == canonical


@given(st.sampled_from(SCHEMES), st.text() | LIKE_IDENTIFIERS)
def test_normalising_twice_changes_nothing(scheme: str, text: str) -> None:
    once = normalise(scheme, text)
    assert once is None or normalise(scheme, once) == once
