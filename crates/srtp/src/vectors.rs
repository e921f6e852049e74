//! Reads the files in `testdata`: `name = hex`, continued by lines that start with a blank.

pub(crate) struct Vectors(Vec<(String, Vec<u8>)>);

impl Vectors {
    pub(crate) fn load(text: &str) -> Self {
        let mut vectors: Vec<(String, Vec<u8>)> = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let hex = match line.split_once('=') {
                Some((name, hex)) => {
                    vectors.push((name.trim().to_owned(), Vec::new()));
                    hex
                }
                None => line,
            };
            let digits: Vec<u8> = hex.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
            vectors.last_mut().unwrap().1.extend(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]));
        }
        Self(vectors)
    }

    pub(crate) fn get(&self, name: &str) -> Vec<u8> {
        self.0.iter().find(|(key, _)| key == name).unwrap_or_else(|| panic!("no vector {name}")).1.clone()
    }
}
