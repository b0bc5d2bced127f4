using Attune.Torch;

namespace Attune.Feedback;

/// <summary>An annotator of a simulated crowd as it is stored.</summary>
/// <param name="Id">The pseudonym.</param>
/// <param name="Group">Training or held-out; it decides which half of the word list is known.</param>
/// <param name="Taste">What is liked.</param>
/// <param name="Vices">What is done wrong.</param>
/// <param name="Scale">The features' scale as this annotator perceives them.</param>
/// <param name="Noise">The scale s of the logistic noise on utilities.</param>
public sealed record CrowdMember(string Id, AnnotatorGroup Group, Taste Taste, Vices Vices, FeatureScale Scale, double Noise);

/// <summary>
/// Judges by taste, through noise: each answer is perceived as u/s + Gumbel noise and the answers are ranked by that, which for two is
/// P(A over B) = σ((u_A − u_B)/s) and for more is Plackett–Luce. What is drawn depends on (seed, annotator, comparison) and neither on
/// the view, nor on other judgments, nor on the order of calls.
/// </summary>
public sealed class SimulatedAnnotator : IJudge
{
    // One row of draws for each use; Gumbel draws take one position per answer.
    private const int ClickRow = 0, SideRow = 1, AnywhereRow = 2, TimeRow = 3, ClockRow = 4, CarelessStrengthRow = 5, GumbelRow = 6, AdversityRow = 7;

    private const double SecondsToDecide = 2, TimeSpread = 0.25;

    private readonly CrowdMember _member;
    private readonly CrowdRecord _crowd;
    private readonly Valence _known;
    private readonly Func<string, string, double>? _fluency;
    private readonly Seed _seed;

    internal SimulatedAnnotator(CrowdMember member, CrowdRecord crowd, Valence known, Func<string, string, double>? fluency)
    {
        (_member, _crowd, _known, _fluency) = (member, crowd, known, fluency);
        _seed = crowd.SeedValue.For("judgment").For(member.Id);
    }

    /// <inheritdoc/>
    public string Id => _member.Id;

    /// <summary>Taste, vices, scale and noise.</summary>
    public CrowdMember Member => _member;

    /// <summary>How much the answer is liked, in the units of the taste, before noise.</summary>
    public double Utility(string prompt, Answer answer)
    {
        ArgumentNullException.ThrowIfNull(answer);
        return _member.Scale.Utility(_member.Taste, Measure(prompt, answer, _known, _fluency, _member.Taste.Fluency != 0).For(_member.Taste));
    }

    /// <inheritdoc/>
    public Judgment Judge(Comparison comparison, int view = 0)
    {
        ArgumentNullException.ThrowIfNull(comparison);
        var draws = _seed.For(comparison.Id);
        var order = comparison.OrderFor(view);
        var careless = Careless(draws, order) ?? OfRing(comparison);
        var perceived = careless ?? Perceived(draws, comparison);
        if (careless is null && draws.Uniform(AdversityRow) < _member.Vices.Adversity)
            perceived = Array.ConvertAll(perceived, goodness => -goodness);
        var ranks = careless is null && order.Count == 2 && Math.Abs(perceived[0] - perceived[1]) < _crowd.TieWithin ? [1, 1] : Judgment.RanksOf(perceived);
        var outcome = Verdicts.OutcomeOf(ranks);
        return new()
        {
            Id = Verdicts.Id(comparison, Id, view),
            ComparisonId = comparison.Id,
            AnnotatorId = Id,
            Order = order,
            Outcome = outcome,
            Ranks = ranks,
            Strength = outcome == Outcome.Tie ? null : careless is null ? StrengthOf(perceived) : 1 + draws.Below(Judgment.MaximumStrength, CarelessStrengthRow),
            Seconds = SecondsFor(draws, comparison),
            InstructionVersion = _crowd.InstructionVersion,
            At = Verdicts.MadeUpTime(comparison.Round, draws.Uniform(ClockRow)),
        };
    }

    /// <summary>Measures an answer as a reader who knows these words does.</summary>
    internal static AnswerMeasures Measure(string prompt, Answer answer, Valence known, Func<string, string, double>? fluency, bool fluencyMatters)
    {
        var logProb = answer.Features.TryGetValue(Answer.Fluency, out var given) ? given
            : fluency is not null ? fluency(prompt, answer.Text)
            : !fluencyMatters ? 0
            : throw new InvalidOperationException(
                $"Answer {answer.Id} has no feature '{Answer.Fluency}', expected its mean log-probability under the base model; add it, give a function for it, or set the taste's fluency to 0.");
        return AnswerMeasures.Of(answer.Text, logProb, known);
    }

    /// <summary>How much better the best is perceived than the next, in four steps, with bounds at 0.5, 1.5 and 3 units of noise.</summary>
    internal static int StrengthOf(IReadOnlyList<double> perceived)
    {
        var best = perceived.OrderDescending().Take(2).ToArray();
        return (best[0] - best[1]) switch { < 0.5 => 1, < 1.5 => 2, < 3 => 3, _ => 4 };
    }

    /// <summary>Goodness per answer made up without reading, or null where this judgment is an honest one.</summary>
    private double[]? Careless(Seed draws, IReadOnlyList<int> order)
    {
        if (draws.Uniform(ClickRow) < _member.Vices.RandomClicks)
            return Enumerable.Range(0, order.Count).Select(i => draws.Uniform(AnywhereRow, i)).ToArray();
        if (draws.Uniform(SideRow) >= _member.Vices.LeftBias)
            return null;
        var goodness = new double[order.Count]; // as shown: the first is best
        for (var place = 0; place < order.Count; place++)
            goodness[order[place]] = -place;
        return goodness;
    }

    /// <summary>The goodness that a ring agreed on, the same for each of its members; null for someone in none.</summary>
    private double[]? OfRing(Comparison comparison)
    {
        if (_member.Vices.Ring is not { } ring)
            return null;
        var agreed = _crowd.SeedValue.For("ring").For(ring).For(comparison.Id);
        return Enumerable.Range(0, comparison.Answers.Count).Select(i => agreed.Uniform(row: 0, i)).ToArray();
    }

    private double[] Perceived(Seed draws, Comparison comparison)
    {
        var perceived = new double[comparison.Answers.Count];
        for (var i = 0; i < perceived.Length; i++)
        {
            var same = comparison.Answers.TakeWhile(answer => answer.Text != comparison.Answers[i].Text).Count();
            perceived[i] = same < i ? perceived[same] // equal texts are level
                : Utility(comparison.Prompt, comparison.Answers[i]) / _member.Noise + Gumbel(draws.Uniform(GumbelRow, i));
        }
        return perceived;
    }

    private double SecondsFor(Seed draws, Comparison comparison)
    {
        var words = Words.Of(comparison.Prompt).Count + comparison.Answers.Sum(answer => Words.Of(answer.Text).Count);
        var careful = (SecondsToDecide + words * _crowd.SecondsPerWord) * Math.Exp(TimeSpread * draws.Normal(TimeRow));
        return Math.Round(careful / _member.Vices.Speed, 1);
    }

    /// <summary>A standard Gumbel draw from a uniform one, which may be 0 but not 1: the difference of two is logistic.</summary>
    private static double Gumbel(double uniform) => -Math.Log(-Math.Log(uniform + 1.0 / (1L << 54)));
}
