//! Go's regular expressions (RE2 syntax) in the syntax of the `regex` crate.
//!
//! The two are siblings. They differ inside classes (`[[`, `&&`, `--`, `~~` are set operators here), in `\Q..\E`
//! (not here), in `\d \s \w \b` (ASCII there), and in some escapes and flags that only one of them has.

use std::iter::Peekable;
use std::str::CharIndices;

type Source<'a> = Peekable<CharIndices<'a>>;

/// Rewrites `body`.
///
/// # Errors
/// What in the expression cannot be had. Errors of the common syntax are left to the compiler.
pub(crate) fn translate(body: &str) -> Result<String, String> {
    let mut out = String::with_capacity(body.len() + 16);
    let mut source = body.char_indices().peekable();
    while let Some((at, c)) = source.next() {
        match c {
            '\\' => escape(body, &mut source, &mut out)?,
            '[' => class(body, &mut source, &mut out)?,
            '(' if body[at..].starts_with("(?") => flags(&body[at + 2..], &mut out)?,
            _ => out.push(c),
        }
    }
    Ok(out)
}

/// Checks the flags of a group: the library knows some that Go does not.
fn flags(rest: &str, out: &mut String) -> Result<(), String> {
    let named =
        rest.starts_with("P<") || rest.starts_with('<') && !rest.starts_with("<=") && !rest.starts_with("<!");
    if !named {
        for c in rest.chars() {
            match c {
                'i' | 'm' | 's' | 'U' | '-' => {}
                ':' | ')' => break,
                _ => return Err(format!("(?{c} is not supported")),
            }
        }
    }
    out.push('(');
    Ok(())
}

/// After a backslash outside a class.
fn escape(body: &str, source: &mut Source<'_>, out: &mut String) -> Result<(), String> {
    let Some((at, c)) = source.next() else {
        return Err("a backslash at the end".to_owned());
    };
    match c {
        'Q' => {
            let rest = &body[at + 1..];
            let text = rest.split_once(r"\E").map_or(rest, |(text, _)| text);
            out.push_str(&regex::escape(text));
            let skip = text.chars().count() + if text.len() < rest.len() { 2 } else { 0 };
            for _ in 0..skip {
                source.next();
            }
        }
        // A stray end of a quotation means nothing.
        'E' => {}
        'C' => return Err(r"\C is not supported".to_owned()),
        'd' | 'D' | 's' | 'S' | 'w' | 'W' => {
            let (members, negated) = perl_class(c);
            out.push_str(if negated { "[^" } else { "[" });
            out.push_str(members);
            out.push(']');
        }
        'b' => out.push_str(r"(?-u:\b)"),
        // Word boundaries here, plain characters there.
        '<' | '>' => out.push(c),
        // Library-only: code points by \u and \U, half boundaries by \b{..}, which is handled above.
        'u' | 'U' => return Err(format!("\\{c} is not supported")),
        _ => {
            out.push('\\');
            out.push(c);
        }
    }
    Ok(())
}

/// ASCII members of `\d`, `\s`, `\w` (and whether the letter asks for the others).
fn perl_class(letter: char) -> (&'static str, bool) {
    let members = match letter.to_ascii_lowercase() {
        'd' => "0-9",
        's' => r"\t\n\f\r ",
        _ => "0-9A-Za-z_",
    };
    (members, letter.is_ascii_uppercase())
}

/// After the `[` of a class, up to and including its `]`.
fn class(body: &str, source: &mut Source<'_>, out: &mut String) -> Result<(), String> {
    out.push('[');
    if source.next_if(|&(_, c)| c == '^').is_some() {
        out.push('^');
    }
    if source.next_if(|&(_, c)| c == ']').is_some() {
        out.push_str(r"\]");
        range(body, source, out)?;
    }
    loop {
        let Some(&(at, c)) = source.peek() else {
            return Err("a class without its ']'".to_owned());
        };
        if c == ']' {
            source.next();
            out.push(']');
            return Ok(());
        }
        if body[at..].starts_with("[:")
            && let Some(length) = body[at..].find(":]")
        {
            out.push_str(&body[at..at + length + 2]);
            for _ in body[at..at + length + 2].chars() {
                source.next();
            }
            continue;
        }
        if member(body, source, out)? {
            range(body, source, out)?;
        }
    }
}

/// The upper bound of a range, when one follows.
fn range(body: &str, source: &mut Source<'_>, out: &mut String) -> Result<(), String> {
    if let Some(&(at, '-')) = source.peek()
        && !body[at + 1..].starts_with(']')
        && body.len() > at + 1
    {
        source.next();
        out.push('-');
        member(body, source, out)?;
    }
    Ok(())
}

/// One member; whether it can begin a range.
fn member(body: &str, source: &mut Source<'_>, out: &mut String) -> Result<bool, String> {
    let Some((_, c)) = source.next() else {
        return Ok(false);
    };
    if c != '\\' {
        if matches!(c, '[' | '&' | '~' | '-' | '^') {
            out.push('\\');
        }
        out.push(c);
        return Ok(true);
    }
    let Some((at, c)) = source.next() else {
        return Err("a backslash at the end".to_owned());
    };
    match c {
        'd' | 'D' | 's' | 'S' | 'w' | 'W' => {
            let (members, negated) = perl_class(c);
            if negated {
                out.extend(["[^", members, "]"]);
            } else {
                out.push_str(members);
            }
            Ok(false)
        }
        'x' | 'p' | 'P' => {
            out.push('\\');
            out.push(c);
            let rest = &body[at + 1..];
            let length = match (rest.strip_prefix('{').and_then(|inner| inner.find('}')), c) {
                (Some(end), _) => end + 2,
                (None, 'x') => 2,
                (None, _) => 1,
            };
            for _ in 0..length {
                out.extend(source.next().map(|(_, c)| c));
            }
            Ok(c == 'x')
        }
        'C' | 'Q' | 'E' | 'b' | 'u' | 'U' => Err(format!("\\{c} inside a class is not supported")),
        '<' | '>' => {
            out.push(c);
            Ok(true)
        }
        _ => {
            out.push('\\');
            out.push(c);
            Ok(true)
        }
    }
}
