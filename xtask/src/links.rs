//! Links between the project's documents lead somewhere.

use crate::process::{Failure, Task, read, root};

/// What is wrong, one line each. Only links to files are followed; those into the web need a network.
pub fn check() -> Result<Vec<String>, Failure> {
    let files = Task::new("git").args(["ls-files", "--cached", "--others", "--exclude-standard", "*.md"]).capture()?;
    let mut faults = Vec::new();
    for file in files.lines() {
        let dir = root().join(file).parent().unwrap_or(root()).to_owned();
        for target in targets(&read(file)?) {
            let path = target.split('#').next().unwrap_or_default();
            if !path.is_empty() && !dir.join(path).exists() {
                faults.push(format!("{file}: {target} leads nowhere"));
            }
        }
    }
    Ok(faults)
}

/// The targets of `[text](target)`, outside of code, that are paths.
fn targets(text: &str) -> Vec<String> {
    let mut in_code = false;
    let mut targets = Vec::new();
    for line in text.lines() {
        in_code ^= line.trim_start().starts_with("```");
        if in_code {
            continue;
        }
        // Code spans are the odd parts between backquotes.
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("_");
        let links = prose.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
        targets.extend(
            links.filter(|target| !target.contains("://") && !target.starts_with("mailto:")).map(str::to_owned),
        );
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_paths_and_leaves_code_and_the_web_alone() {
        let text = "[a](docs/a.md) and [b](https://b) `[c](c)` [`d`](../d.md#part)\n```\n[e](e)\n```\n[f](#here)";
        assert_eq!(targets(text), ["docs/a.md", "../d.md#part", "#here"]);
    }
}
