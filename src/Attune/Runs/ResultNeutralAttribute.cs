namespace Attune.Runs;

/// <summary>
/// Marks a recipe key (or a whole section) that changes what is written or shown, never what is learnt. Such a key may differ when a run
/// is resumed; any other difference is refused.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ResultNeutralAttribute : Attribute;
