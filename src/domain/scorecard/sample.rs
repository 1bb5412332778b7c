//! Accounts whose outcome is known, column by column.

/// Accounts with what is known of them and how they ended.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    pub columns: Vec<Column>,
    /// Of each account, whether it was won.
    pub won: Vec<bool>,
}

/// One fact of all accounts.
#[derive(Debug, Clone)]
pub struct Column {
    /// As a rule asks for it.
    pub name: String,
    pub values: Values,
}

#[derive(Debug, Clone)]
pub enum Values {
    /// Not a number is not known.
    Numbers(Vec<f64>),
    /// Places in the list of words; [`UNKNOWN`] is not known.
    Words { words: Vec<String>, places: Vec<u32> },
}

/// The place of a word that is not known.
pub const UNKNOWN: u32 = u32::MAX;

impl Sample {
    pub fn rows(&self) -> usize {
        self.won.len()
    }

    pub fn count_won(&self) -> usize {
        self.won.iter().filter(|won| **won).count()
    }

    /// The accounts at some rows, in the order of the rows.
    pub fn at(&self, rows: &[usize]) -> Self {
        let columns = self.columns.iter().map(|column| {
            let values = match &column.values {
                Values::Numbers(numbers) => Values::Numbers(rows.iter().map(|row| numbers[*row]).collect()),
                Values::Words { words, places } => Values::Words {
                    words: words.clone(),
                    places: rows.iter().map(|row| places[*row]).collect(),
                },
            };
            Column { name: column.name.clone(), values }
        });
        Self { columns: columns.collect(), won: rows.iter().map(|row| self.won[*row]).collect() }
    }
}

impl Values {
    pub fn is_known(&self, row: usize) -> bool {
        match self {
            Values::Numbers(numbers) => !numbers[row].is_nan(),
            Values::Words { places, .. } => places[row] != UNKNOWN,
        }
    }
}
