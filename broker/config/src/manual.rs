// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The manual page broker.toml(5) in roff, made from the table of keys.

use std::fmt::Write;

use crate::reference::{Form, Key, Table};

/// The manual page.
pub fn manual() -> String {
    let mut page = format!("{TITLE}\n{DESCRIPTION}\n.SH TABLES AND KEYS\n");
    for table in Table::ALL {
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            page,
            ".SS {}\n{}",
            quoted(table.heading()),
            escaped(table.sentence())
        );
        for key in table.keys() {
            push_key(&mut page, key);
        }
    }
    page.push_str(REST);
    page
}

fn push_key(page: &mut String, key: &Key) {
    let name = escaped(key.name);
    let _ = writeln!(page, ".TP\n.B {name}\n{}", escaped(key.sentence));
    let _ = writeln!(page, "{}.", escaped(&values(key.form)));
    let _ = writeln!(page, "Default: {}.", escaped(key.default));
    let _ = writeln!(page, ".IP\n.EX\n{name} = {}\n.EE", escaped(key.example));
}

fn values(form: Form) -> String {
    match form {
        Form::Boolean => "Value: true or false".to_owned(),
        Form::Integer { min, max } if min == max => format!("Value: {min}"),
        Form::Integer { min, max } => format!("Value: a whole number from {min} to {max}"),
        Form::Span => {
            "Value: a number and h, d, w, m (30 days) or y in quotes, \"never\", or whole seconds"
                .to_owned()
        }
        Form::Integers { min, max } => {
            format!("Value: a list of whole numbers from {min} to {max}")
        }
        Form::Texts => "Value: a list of texts in quotes".to_owned(),
        Form::Text => "Value: text in quotes".to_owned(),
        Form::Secret => "Value: text in quotes, or 0 once it was taken".to_owned(),
        Form::Word(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
            format!("Value: {}", words.join(" or "))
        }
    }
}

/// The text with nothing in it that roff would act on.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    match text.starts_with(['.', '\'']) {
        true => format!("\\&{text}"),
        false => text,
    }
}

/// One argument of a roff request.
fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text).replace('"', "\"\""))
}

const TITLE: &str = r#".\" Generated from the table of keys in broker/config.
.TH BROKER.TOML 5 "" "mqtt-broker" "File Formats"
.SH NAME
broker.toml \- configuration of the MQTT broker and its machine"#;

const DESCRIPTION: &str = r#".SH DESCRIPTION
.B broker.toml
says what the broker does.
On the appliance it lies on the boot partition of the card, where any computer can edit it; at every boot
.BR broker\-provision (8)
reads it, makes the machine match it, and writes
.I broker\-report.txt
beside it.
Elsewhere
.B broker run \-\-config
.I FILE
reads it directly, and
.B broker check
.I FILE
tells what is wrong with it.
.PP
The file is TOML in UTF\-8: lines of the form
.BR "key = value" ,
grouped below headings in brackets; a remark begins with
.BR # .
Accepted with a note are a byte order mark, UTF\-16 with a byte order mark, line ends of Windows, and a last line without an end.
Files over 1 MiB, tables nested deeper than 64, and other encodings are refused.
.PP
A key that is not listed here is an error, and a file with one error changes nothing:
the last good settings stay in force.
Problems are reported all at once, each with line, column, key and remedy."#;

const REST: &str = r#".SH PASSWORDS ON THE CARD
A plain\-text
.B password
is hashed at the next boot (argon2id, or SCRAM\-SHA\-256 with
.BR "auth = \(dqscram\(dq" )
and overwritten in place by
.B 0
and spaces.
.B password = 0
means: taken, kept on the device; to change the password or
.BR auth ,
write a new one there.
Overwriting cannot reach copies that an editor or the card itself has kept, so do not use a password from elsewhere.
.PP
The
.B password
or
.B psk
of
.B [wlan]
is taken in the same way; the device keeps it as it is, in a file of root's, because WPA3 proves itself with nothing less.
.B 0
keeps it for a network of the same name.
.SH FILES
.TP
.I /boot/firmware/broker.toml
The file on the boot partition.
.TP
.I /etc/broker/broker.toml
The daemon's part, written by
.BR broker\-provision (8).
.SH SEE ALSO
.BR broker (1),
.BR broker\-provision (8)
"#;
