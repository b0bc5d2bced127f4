using System.CommandLine;
using Attune.Cli.Output;
using Attune.Runs;

namespace Attune.Cli.Verbs;

/// <summary>
/// <c>attune aggregate</c> and <c>attune agreement</c>: what many people's answers amount to, and how far they agree. Each takes either a log of judgments
/// or a table of labels or comparisons; options that belong to the other form are refused.
/// </summary>
internal static class FeedbackVerbs
{
    private const string LogForm = "a log of judgments", TableForm = "--labels", TableOfReference = "--benchmark";

    private static readonly Option<string> Out = new("--out") { Description = "File to write; it is replaced as a whole. Of a log: its preferences; else all of the result, as FILE.csv or FILE.json", HelpName = "FILE" };
    private static readonly Option<bool> Benchmark = new("--benchmark") { Description = "The reference table of truth inference, in both modes beside the published values; needs ATTUNE_FIXTURES" };

    public static Verb Aggregate(ConsoleOutput output)
    {
        Option[] ofLog = [JudgmentVerbs.Asked, JudgmentVerbs.People, JudgmentVerbs.Rankings, JudgmentVerbs.HeldOut, JudgmentVerbs.Votes];
        Option[] ofTable = [LabelVerbs.Labels, .. LabelAggregation.Options];
        var verb = new Verb("aggregate", "Turn many people's judgments, labels or comparisons into preferences, labels or scores.",
            "attune aggregate runs/quickstart/round-1/judgments.jsonl --comparisons runs/quickstart/round-1/comparisons.jsonl --annotators runs/quickstart/annotators.json --out preferences.jsonl")
        {
            JudgmentVerbs.Log, Out,
        };
        foreach (var option in ofLog.Concat(ofTable).Append(Benchmark).Append(CommonOptions.Json))
            verb.Add(option);
        return verb.Does(output, (parsed, stop) =>
        {
            switch (FormOf(parsed, "attune aggregate", ofLog, ofTable))
            {
                case LogForm: JudgmentVerbs.Aggregate(output, parsed, Out); break;
                case TableForm: LabelAggregation.Run(output, parsed, Out); break;
                default: ReferenceTableVerb.Run(output, parsed, Out, stop); break;
            }
        });
    }

    public static Verb Agreement(ConsoleOutput output)
    {
        Option[] ofLog = [JudgmentVerbs.People], ofTable = [LabelVerbs.Labels, .. LabelVerbs.AgreementOptions];
        var verb = new Verb("agreement", "Show how far annotators agree, each and on the whole, in a log or a table of labels.",
            "attune agreement runs/quickstart/round-1/judgments.jsonl --annotators runs/quickstart/annotators.json")
        {
            JudgmentVerbs.Log,
        };
        foreach (var option in ofLog.Concat(ofTable).Append(CommonOptions.Json))
            verb.Add(option);
        return verb.Does(output, (parsed, _) =>
        {
            if (FormOf(parsed, "attune agreement", ofLog, ofTable) == LogForm)
                JudgmentVerbs.Agreement(output, parsed);
            else
                LabelVerbs.Agreement(output, parsed);
        });
    }

    /// <summary>Which form the line has.</summary>
    /// <exception cref="InputException">It has none, or parts of two.</exception>
    private static string FormOf(ParseResult parsed, string title, Option[] ofLog, Option[] ofTable)
    {
        var hasBenchmark = parsed.CommandResult.Command.Options.Contains(Benchmark);
        string[] forms = [.. parsed.GetValue(JudgmentVerbs.Log) is null ? [] : new[] { LogForm }, .. parsed.GetValue(LabelVerbs.Labels) is null ? [] : new[] { TableForm },
            .. hasBenchmark && parsed.GetValue(Benchmark) ? new[] { TableOfReference } : []];
        string[] known = hasBenchmark ? [LogForm, TableForm, TableOfReference] : [LogForm, TableForm];
        if (forms.Length != 1)
            throw InputException.One(title, forms.Length == 0 ? "says nothing to read" : $"has {string.Join(" and ", forms)}", $"one of {string.Join(", ", known)}", $"see {title} --help");
        var foreign = (forms[0] switch { LogForm => ofTable, TableForm => ofLog, _ => [.. ofLog, .. ofTable] }).Where(option => parsed.GetResult(option) is { Implicit: false }).ToList();
        if (foreign.Count > 0)
        {
            throw new InputException(title, foreign.ConvertAll(option => Problem.Of(option.Name, $"stands beside {forms[0]}", ofLog.Contains(option) ? "a log to read" : "--labels to read",
                "leave it out, or give what it goes with")));
        }
        return forms[0];
    }
}
