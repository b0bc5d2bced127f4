namespace Attune.Feedback;

/// <summary>How far apart two answers are; squared differences δ² of Krippendorff (2011).</summary>
public enum LabelDistance
{
    /// <summary>0 where they are equal, else 1.</summary>
    Nominal,

    /// <summary>The square of how many answers lie between them, in the order of the labels.</summary>
    Ordinal,

    /// <summary>The square of their difference; labels are numbers.</summary>
    Interval,

    /// <summary>The square of their difference over their sum; labels are numbers of at least 0.</summary>
    Ratio,
}

/// <summary>How much a disagreement weighs in kappa.</summary>
public enum KappaWeight
{
    /// <summary>Any alike: Cohen's kappa (1960).</summary>
    Equal,

    /// <summary>By how many places the labels are apart (Cohen 1968).</summary>
    Linear,

    /// <summary>By the square of that.</summary>
    Quadratic,
}
