//! What a broken build does. The simulation has to report each of them.

/// One thing that must never be done.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Sabotage {
    /// A batch counts as durable when the sink has only taken it: the checkpoint is stored before the rows are.
    AckTooEarly,
    /// A batch that failed counts as durable.
    LostAckCountsAsDurable,
    /// Neither durable nor lost is said of a batch, ever.
    ForgottenAck,
    /// Two transactions of a batch change places.
    ReorderedTransactions,
    /// A transaction is left out.
    DroppedTransaction,
    /// A schema change is applied behind rows that came after it.
    DdlIsNoBarrier,
    /// A schema change is left out.
    SkippedDdl,
    /// Conflicts between transactions are seen by primary key only.
    BlindToUniqueKey,
    /// Sessions of an earlier run are not ended before the next one writes.
    NoFence,
    /// After a crash, the checkpoint is an older one.
    CheckpointGoesBack,
    /// The password of a sink URI is shown.
    SecretShown,
    /// After a crash, a paused changefeed runs although nobody asked.
    StoppedRunsAgain,
}

impl Sabotage {
    /// All of them.
    pub const ALL: [Sabotage; 12] = [
        Sabotage::AckTooEarly,
        Sabotage::LostAckCountsAsDurable,
        Sabotage::ForgottenAck,
        Sabotage::ReorderedTransactions,
        Sabotage::DroppedTransaction,
        Sabotage::DdlIsNoBarrier,
        Sabotage::SkippedDdl,
        Sabotage::BlindToUniqueKey,
        Sabotage::NoFence,
        Sabotage::CheckpointGoesBack,
        Sabotage::SecretShown,
        Sabotage::StoppedRunsAgain,
    ];
}
