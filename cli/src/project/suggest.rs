//! The guess behind "did you mean": which known word an unknown one is closest to.

/// The known word that `word` was probably meant to be, or none when nothing is near.
pub(super) fn closest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let folded = fold(word);
    known
        .iter()
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&folded, &fold(candidate));
            (distance, *candidate)
        })
        // A third of the letters may be wrong: more would be guessing at random.
        .filter(|(distance, candidate)| distance * 3 <= candidate.len().min(word.len().max(3)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Case and separators say nothing about what was meant: `compatibility_date` is near.
fn fold(word: &str) -> String {
    word.chars()
        .filter(|c| *c != '_' && *c != '-')
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["name", "main", "port", "serve", "compatibilityDate"];

    #[test]
    fn a_typing_mistake_finds_its_word() {
        assert_eq!(closest("mian", KNOWN), Some("main"));
        assert_eq!(closest("Port", KNOWN), Some("port"));
        assert_eq!(closest("server", KNOWN), Some("serve"));
        assert_eq!(
            closest("compatibility_date", KNOWN),
            Some("compatibilityDate")
        );
    }

    #[test]
    fn a_word_like_no_other_gets_no_guess() {
        assert_eq!(closest("x", KNOWN), None);
        assert_eq!(closest("routes", KNOWN), None);
        assert_eq!(closest("", KNOWN), None);
    }
}
