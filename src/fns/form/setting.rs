//! Settings as the form shows them.

/// Which part of the form a group stands in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Which events are left out.
    Events,
    /// How changes are written.
    Delivery,
    /// Everything else.
    Advanced,
}

/// What is typed into a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FieldKind {
    /// `true` or `false`.
    Flag,
    /// One line.
    Line,
    /// A list, one item a line.
    Lines,
    /// A secret.
    Secret,
}

/// One setting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SettingField {
    /// Place below `replica_config`, the name of the field too. In a list, relative to an item.
    pub(crate) path: String,
    /// What is typed.
    pub(crate) kind: FieldKind,
    /// The words that are allowed, where only some are.
    pub(crate) options: Vec<String>,
    /// What holds when nothing is typed; empty when nothing does.
    pub(crate) default: String,
    /// What it does, and what it may be.
    pub(crate) help: String,
    /// Why nothing can be typed.
    pub(crate) off: Option<String>,
}

/// Settings that belong together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SettingGroup {
    /// Where it stands.
    pub(crate) step: Step,
    /// Heading.
    pub(crate) title: String,
    /// Kinds of sinks that look at some of it, as words; empty: all do.
    pub(crate) sinks: Vec<&'static str>,
    /// For a list of objects: its place; the fields are those of an item.
    pub(crate) list: Option<String>,
    /// The settings.
    pub(crate) fields: Vec<SettingField>,
}
