using System.CommandLine;
using System.Globalization;
using Attune.Cli.Output;
using Attune.Loop;
using Attune.Runs;

namespace Attune.Cli.Verbs;

/// <summary><c>attune doctor [RECIPE|FOLDER]</c>: what this machine has, what a recipe would do, or how a model's conversations are written.</summary>
internal static class DoctorVerb
{
    private static readonly Argument<string> Recipe = new("recipe")
    {
        Description = "Recipe of any stage, or a model folder, whose conversations are shown; without it the machine is looked at. Flags after a recipe override its keys",
        Arity = ArgumentArity.ZeroOrOne,
    };

    public static Verb Create(ConsoleOutput output)
    {
        var verb = new Verb("doctor", "Look at this machine, at what a recipe would do before anything runs, or at a model's chat template.", "attune doctor recipes/base.yaml") { Recipe, CommonOptions.Json };
        verb.TreatUnmatchedTokensAsErrors = false;
        return verb.Does(output, (parsed, stop) =>
        {
            var isJson = parsed.GetValue(CommonOptions.Json);
            var path = parsed.GetValue(Recipe);
            if (path?.StartsWith('-') == true) // a flag in the recipe's place
                Look([path, .. parsed.UnmatchedTokens], output, isJson);
            else if (path is not null && Directory.Exists(path))
                LookAtFolder(path, parsed.UnmatchedTokens, output, isJson);
            else if (path is not null)
                Look(path, parsed.UnmatchedTokens, output, isJson, stop);
            else
                Look(parsed.UnmatchedTokens, output, isJson);
        });
    }

    private static void Look(IReadOnlyList<string> unknown, ConsoleOutput output, bool isJson)
    {
        if (unknown.Count > 0)
            throw new InputException("attune doctor", [.. unknown.Select(token => Problem.Of(token, "stands without a recipe", "a recipe before it, or --json alone", "see attune doctor --help"))]);
        var report = MachineReport.Of();
        if (isJson)
            output.Json(report);
        else
            Print(report, output);
        if (report.Problems.Count > 0)
            throw new InputException("This machine", report.Problems);
    }

    private static void Look(string path, IReadOnlyList<string> overrides, ConsoleOutput output, bool isJson, CancellationToken stop)
    {
        using var progress = output.Progress(TimeProvider.System);
        var report = Doctor.Try(path, overrides, progress, stop);
        progress.Dispose();
        if (isJson)
            output.Json(report);
        else if (report.Problems.Count == 0)
            Print(report, output);
        if (report.Problems.Count > 0)
            throw new InputException(path, report.Problems);
    }

    private static void LookAtFolder(string folder, IReadOnlyList<string> unknown, ConsoleOutput output, bool isJson)
    {
        if (unknown.Count > 0)
            throw new InputException("attune doctor", [.. unknown.Select(token => Problem.Of(token, "stands behind a folder", "nothing but --json there", "see attune doctor --help"))]);
        var report = TokenizerReport.Of(folder);
        if (isJson)
        {
            output.Json(report);
            return;
        }
        output.Table(new TextTable("", "", "")
            .Row("vocabulary", $"{report.VocabularySize:N0} pieces")
            .Row("special tokens", report.SpecialTokens.Count > 12 ? $"{string.Join(' ', report.SpecialTokens.Take(12))} and {report.SpecialTokens.Count - 12} more" : string.Join(' ', report.SpecialTokens))
            .Row("before a plain text", report.Opening.Count == 0 ? "nothing" : Marked(report.Opening))
            .Row("chat template", report.Template == "own" ? "its own" : $"none; conversations are written as {report.Template}"));
        output.Line($"A conversation, {report.Conversation.Count} tokens; │ stands between tokens, what is learned between ⟦ and ⟧:\n\n{Marked(report.Conversation)}\n");
        output.Line($"What a model is asked for the last answer, {report.Prompt.Count} tokens:\n\n{Marked(report.Prompt)}\n");
        Warn(report.Warnings, output);
        output.Line("Nothing was written.");
    }

    private static string Marked(IReadOnlyList<ShownToken> tokens)
    {
        var text = new System.Text.StringBuilder();
        for (var i = 0; i < tokens.Count; i++)
        {
            var (wasLearned, isLearned) = (i > 0 && tokens[i - 1].IsLearned, tokens[i].IsLearned);
            text.Append(wasLearned && !isLearned ? "⟧" : i > 0 && wasLearned == isLearned ? "│" : "").Append(isLearned && !wasLearned ? "⟦" : "").Append(tokens[i].Text);
        }
        return Printable.Text(text.Append(tokens is [.., { IsLearned: true }] ? "⟧" : "").ToString());
    }

    private static void Print(MachineReport report, ConsoleOutput output)
    {
        var table = new TextTable("", "", "")
            .Row(".NET", report.DotNet)
            .Row("system", report.System)
            .Row("libtorch", report.Libtorch is null ? "not there" : report.LibtorchFile is null ? report.Libtorch : $"{report.Libtorch}, {report.LibtorchFile}")
            .Row("matrix products", report.Blas ?? "not known")
            .Row("batched products", report.BatchedProducts ?? "not known")
            .Row("cores", $"{report.Cores}, one thread of an operator each")
            .Row("CUDA devices", $"{report.CudaDevices}")
            .Row("memory", $"{ByteCount.Text(report.MemoryAvailable)} available of {ByteCount.Text(report.MemoryLimit)}")
            .Row("disk", $"{ByteCount.Text(report.DiskFree)} free")
            .Row("Attune's files", report.Files ?? "not found");
        output.Table(table);
        Warn(report.Warnings, output);
        if (report.Problems.Count == 0)
            output.Line("No problems.");
    }

    private static void Print(DryRun report, ConsoleOutput output)
    {
        var table = new TextTable($"{report.Recipe}: attune {report.Stage}", "", "value", "");
        foreach (var figure in report.Figures)
            table.Row(figure.Name, figure.Unit == "bytes" ? ByteCount.Text((long)figure.Value) : figure.Value.ToString("#,0.##", CultureInfo.InvariantCulture), figure.Unit == "bytes" ? "" : figure.Unit);
        if (report.MemoryBytes > 0)
            table.Row("memory, estimated", ByteCount.Text(report.MemoryBytes), $"of {ByteCount.Text(report.MemoryAvailable)} available");
        output.Table(table);
        if (report.Sample.Length > 0)
            output.Line($"The first sample; what is learned stands between ⟦ and ⟧:\n\n{Printable.Text(report.Sample)}\n");
        Warn(report.Warnings, output);
        output.Line("No problems; nothing was written.");
    }

    private static void Warn(IReadOnlyList<string> warnings, ConsoleOutput output)
    {
        foreach (var warning in warnings)
            output.Line($"warning: {warning}");
    }
}
