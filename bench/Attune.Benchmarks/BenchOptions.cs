using System.Globalization;

namespace Attune.Benchmarks;

/// <summary>What to measure and how often.</summary>
internal sealed record BenchOptions
{
    public const string Aggregation = "aggregation";

    /// <summary>The parts in the order in which they are measured.</summary>
    public static readonly string[] AllParts = ["train", "add", "sample", "ppo", "text", "load", Decoding.Part, Aggregation];

    public IReadOnlyList<string> Parts { get; init; } = AllParts;

    public int Rounds { get; init; } = 9;

    public int Threads { get; init; } = Math.Min(Environment.ProcessorCount, 16);

    /// <summary>Without the yardstick: for a profiler, or where there is no PyTorch. No ratios then, and no file.</summary>
    public bool IsAlone { get; init; }

    /// <summary>Measures the web application instead of models; null otherwise.</summary>
    public Web.WebBenchOptions? Web { get; init; }

    /// <summary>Whether anything is compared with eager PyTorch.</summary>
    public bool NeedsYardstick => !IsAlone && Parts.Any(part => part != Aggregation && part != Decoding.Part);

    /// <summary>What a result file's name ends with, so that some parts never take the place of all.</summary>
    public string FileMark => AllParts.All(Parts.Contains) ? "" : "-" + string.Join('-', Parts);

    /// <summary>English text for the tokenizer's parts; every *.txt below it.</summary>
    public string? Corpus { get; init; } = Environment.GetEnvironmentVariable("ATTUNE_FIXTURES") is { Length: > 0 } fixtures ? Path.Combine(fixtures, "data", "corpus") : null;

    public static string Usage =>
        $"""
        ./attune bench [options]: speed and memory against eager PyTorch on this machine; writes bench/results/DATE-MACHINE.md (behind that the parts where not all were measured)
          --only PART,PART   of {string.Join(", ", AllParts)}; all by default
                             decode: tokens/s against rows, full and rounded weights, memory bandwidth, perplexity; needs no yardstick, about four minutes
          --aggregation      the part aggregation alone, which needs no yardstick; ATTUNE_FIXTURES has the data of a part of it
          --web              the web application instead: load, answers lost under kill -9, a bad crowd; on SQLite and PostgreSQL; needs no yardstick
          --judgments N      of --web: about so many, 50000 by default
          --kills N          of --web: how often the server is killed, 10 by default
          --load-seconds N   of --web: how long the load is measured, 60 by default
          --rounds N         rounds in which both sides take turns, 9 by default
          --threads N        threads an operator may use, every core by default
          --corpus FOLDER    English *.txt for the part text; by default data/corpus of ATTUNE_FIXTURES
          --alone            without the yardstick: no ratios, writes nothing
        """;

    /// <summary>Reads the command line; null after saying what is wrong with it.</summary>
    public static BenchOptions? Parse(string[] arguments, out string problem)
    {
        problem = "";
        var options = new BenchOptions();
        for (var k = 0; k < arguments.Length; k++)
        {
            var name = arguments[k];
            if (name == "--alone")
            {
                options = options with { IsAlone = true };
                continue;
            }

            if (name == "--web")
            {
                options = options with { Web = options.Web ?? new() };
                continue;
            }

            if (name == "--aggregation")
            {
                options = options with { Parts = [Aggregation] };
                continue;
            }

            var value = k + 1 < arguments.Length ? arguments[++k] : "";
            var number = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : 0;
            var parts = value.Split(',');
            switch (name)
            {
                case "--only" when parts.Except(AllParts).ToArray() is { Length: 0 }:
                    options = options with { Parts = parts };
                    break;
                case "--judgments" when number > 0 && options.Web is { } web:
                    options = options with { Web = web with { Tasks = Math.Max(1, number / web.Overlap) } };
                    break;
                case "--kills" when number > 0 && options.Web is { } web:
                    options = options with { Web = web with { Kills = number } };
                    break;
                case "--load-seconds" when number > 0 && options.Web is { } web:
                    options = options with { Web = web with { LoadSeconds = number } };
                    break;
                case "--rounds" when number > 0:
                    options = options with { Rounds = number };
                    break;
                case "--threads" when number > 0:
                    options = options with { Threads = number };
                    break;
                case "--corpus" when Directory.Exists(value):
                    options = options with { Corpus = value };
                    break;
                default:
                    problem = $"{name} {value}: no such option or value, expected one of those below; correct it and start again\n{Usage}";
                    return null;
            }
        }

        return options;
    }
}
