//! Redis: a key for each question, `1` for a yes.

use std::process::Command;

use anyhow::{Result, bail};

use crate::peers::{
    process::{Process, free_port},
    store::Store,
};

/// Starts it, in memory only, with a yes to each of these.
pub(crate) fn start(keys: &[String]) -> Result<Store> {
    let folder = tempfile::tempdir()?;
    let port = free_port()?;
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
    command.args(["--appendonly", "no", "--dir"]).arg(folder.path());
    let store = Store {
        name: "Redis GET",
        process: Process::start(&mut command, port)?,
        greetings: Vec::new(),
        question: |key| command_of(&["GET", key]),
        whole,
        yes: b"1",
        _folder: folder,
    };
    store.tell(&keys.iter().map(|key| command_of(&["SET", key, "1"])).collect::<Vec<_>>())?;
    Ok(store)
}

fn command_of(words: &[&str]) -> Vec<u8> {
    let words: String = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
    format!("*{}\r\n{words}", words.matches('$').count()).into_bytes()
}

/// A simple answer is a line; a value is a line with its length, and as many bytes.
fn whole(answer: &[u8]) -> Result<Option<(usize, usize)>> {
    let Some(end) = answer.windows(2).position(|window| window == b"\r\n") else {
        return Ok(None);
    };
    let line = String::from_utf8_lossy(&answer[..end]);
    let begin = end + 2;
    match line.split_at_checked(1) {
        Some(("+", text)) => Ok(Some((1, text.len()))),
        Some(("$", length)) if length != "-1" => {
            let length = length.parse()?;
            Ok((answer.len() >= begin + length + 2).then_some((begin, length)))
        }
        _ => bail!("Redis answered `{line}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_whole_with_its_end_and_nothing_is_a_fault() {
        let answer = b"$1\r\n1\r\n";
        for cut in 0..answer.len() {
            assert_eq!(whole(&answer[..cut]).unwrap(), None, "{cut}");
        }
        assert_eq!(whole(answer).unwrap(), Some((4, 1)));
        assert_eq!(whole(b"+OK\r\n").unwrap(), Some((1, 2)));
        assert!(whole(b"$-1\r\n").is_err() && whole(b"-ERR no\r\n").is_err());
    }

    #[test]
    fn a_command_says_how_many_words_it_has() {
        assert_eq!(command_of(&["GET", "a"]), b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
    }
}
