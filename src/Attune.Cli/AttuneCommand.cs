using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using Attune.Cli.Output;
using Attune.Cli.Verbs;
using Attune.Runs;
using Attune.Storage.Training;

namespace Attune.Cli;

/// <summary>The verbs that belong to one part of the flow.</summary>
internal sealed record VerbGroup(string Title, IReadOnlyList<Command> Verbs);

/// <summary>The command line: the verbs along the flow, help, and what happens when a line makes no sense.</summary>
internal static class AttuneCommand
{
    private const string About = "Attune teaches language models from human feedback: text to model, answers to judgments, reward, policy, evaluation.";

    public static async Task<int> RunAsync(IReadOnlyList<string> args, ConsoleOutput output)
    {
        ProjectReader.Register(); // recipes may name databases
        try
        {
            var code = await Answer(args, output);
            output.Flush(); // of help and the version; a verb has done so itself
            return code;
        }
        catch (RunFailedException e)
        {
            output.Note(e.Message);
            return ExitCode.Failed;
        }
    }

    private static async Task<int> Answer(IReadOnlyList<string> args, ConsoleOutput output)
    {
        if (args is ["--version" or "version"])
        {
            output.Line(Version);
            return ExitCode.Done;
        }
        if (args is ["help", ..])
            args = [.. args.Skip(1), "--help"];
        var groups = Groups(output);
        var root = Root(groups);
        var parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null }); // a text may begin with @
        if (args.Count == 0 || (args is ["--help" or "-h" or "-?"]))
        {
            WriteRootHelp(groups, output);
            return ExitCode.Done;
        }
        if (parsed.Errors.Count > 0 && (parsed.Action is not HelpWithExample || parsed.UnmatchedTokens.Count > 0))
        {
            output.Note(Explain(parsed, root).Message);
            return ExitCode.BadInput;
        }
        using var stop = new CancellationTokenSource();
        using var interrupt = StopOn(PosixSignal.SIGINT, stop, output);
        using var terminate = StopOn(PosixSignal.SIGTERM, stop, output);
        var invocation = new InvocationConfiguration
        {
            Output = output.Result,
            Error = output.Log,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null, // saving a checkpoint may take longer than any fixed time
        };
        return await parsed.InvokeAsync(invocation, stop.Token);
    }

    private static string Version =>
        "attune " + typeof(AttuneCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    internal static VerbGroup[] Groups(ConsoleOutput output) =>
    [
        new("The whole way", [QuickstartVerb.Create(output)]),
        new("Text and tokens", [DataVerb.Create(output), TokenizerVerb.Create(output)]),
        new("Models", [ScoreVerb.Create(output), SampleVerb.Create(output), MergeVerb.Create(output), ChatVerb.Create(output), ServeVerb.Create(output)]),
        new("Feedback", [AnnotateVerb.Create(output), FeedbackVerbs.Agreement(output), FeedbackVerbs.Aggregate(output), RulesVerb.Create(output), SimulateVerb.Create(output), FeedbackVerb.Create(output), DbVerb.Create(output)]),
        new("Training", [LanguageModelVerbs.Pretrain(output), LanguageModelVerbs.Sft(output), RewardVerb.Create(output), PpoVerb.Create(output)]),
        new("Evaluation", [EvaluateVerb.Create(output), LabelQualityVerb.Create(output)]),
        new("Before you begin", [DoctorVerb.Create(output), InitVerb.Create(output)]),
    ];

    private static Command Root(VerbGroup[] groups)
    {
        var help = new HelpOption { Recursive = true };
        help.Action = new HelpWithExample((SynchronousCommandLineAction)help.Action!);
        var root = new Command("attune", About) { help }; // a RootCommand would take the assembly's name
        foreach (var verb in groups.SelectMany(g => g.Verbs))
            root.Add(verb);
        return root;
    }

    private sealed class HelpWithExample(SynchronousCommandLineAction usual) : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parsed)
        {
            usual.Invoke(parsed);
            if (parsed.CommandResult.Command is Verb verb)
                parsed.InvocationConfiguration.Output.Write($"Example:\n  {verb.Example}\n");
            return ExitCode.Done;
        }
    }

    private static void WriteRootHelp(VerbGroup[] groups, ConsoleOutput output)
    {
        output.Line($"{About}\n\nUsage: attune VERB [options]");
        var width = groups.SelectMany(g => g.Verbs).Max(v => v.Name.Length);
        foreach (var group in groups)
        {
            output.Line($"\n{group.Title}");
            foreach (var verb in group.Verbs)
                output.Line($"  {verb.Name.PadRight(width)}  {verb.Description}");
        }
        output.Line("\nattune VERB --help shows a verb's options and an example; attune --version the version.");
    }

    private static InputException Explain(ParseResult parsed, Command root)
    {
        var command = parsed.CommandResult.Command;
        var path = command == root ? "attune" : "attune " + PathOf(parsed);
        var verbs = command.Subcommands.Select(v => v.Name).ToArray();
        var problems = parsed.UnmatchedTokens.Select(token => token.StartsWith('-')
            ? Unknown(token, "an option", [.. command.Options.Select(o => o.Name)], path)
            : Unknown(token, verbs.Length > 0 ? "a verb" : "expected here", verbs, path)).ToList();
        if (problems.Count == 0 && verbs.Length > 0)
            problems.Add(Problem.Of("", "has no verb", $"one of {string.Join(", ", verbs)}", $"see {path} --help"));
        if (problems.Count == 0)
            problems.AddRange(parsed.Errors.Select(e => Missing(e, path) ?? Misread(e, path)));
        return new(path, problems);
    }

    /// <summary>What is not there: an argument, an option's value, an option that a verb needs. Null where something else is wrong.</summary>
    private static Problem? Missing(ParseError error, string path)
    {
        var needed = error.SymbolResult is CommandResult command ? command.Command.Options.FirstOrDefault(option => option.Required && error.Message.Contains($"'{option.Name}'")) : null;
        var (key, found, symbol) = error.SymbolResult switch
        {
            ArgumentResult { Parent: OptionResult option } => (option.Option.Name, "has no value", option.Option),
            OptionResult { Tokens.Count: 0 } option => (option.Option.Name, option.IdentifierToken is null ? "is missing" : "has no value", option.Option),
            ArgumentResult { Tokens.Count: 0 } argument => (argument.Argument.Name, "is missing", argument.Argument),
            _ => (needed?.Name ?? "", "is missing", (Symbol?)needed),
        };
        if (error.SymbolResult is OptionResult { Tokens.Count: > 1 and var times, Option.Arity.MaximumNumberOfValues: 1 } twice)
            return Problem.Of(twice.Option.Name, $"is given {times} times", "once", $"see {path} --help");
        return symbol?.Description is not [var first, .. var rest] ? null : Problem.Of(key, found, char.ToLowerInvariant(first) + rest, $"see {path} --help");
    }

    /// <summary>System.CommandLine names .NET types in its message about a value that does not fit; people think in numbers and words.</summary>
    private static Problem Misread(ParseError error, string path)
    {
        var parts = error.Message.Split('\'');
        if (!error.Message.StartsWith("Cannot parse argument", StringComparison.Ordinal) || parts.Length < 6)
            return Problem.Of("", $"cannot be read: {error.Message.TrimEnd('.')}", "a line as its help shows it", $"see {path} --help");
        var option = (error.SymbolResult as OptionResult ?? error.SymbolResult?.Parent as OptionResult)?.Option;
        return Problem.Of(parts[3], $"is {parts[1]}", Fitting(option, parts[1], parts[5]), $"see {path} --help");
    }

    /// <summary>The values that an option takes; of whole numbers their range where the value is one outside it.</summary>
    private static string Fitting(Option? option, string value, string typeName)
    {
        var isWhole = System.Numerics.BigInteger.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _);
        var type = option is null ? null : Nullable.GetUnderlyingType(option.ValueType) ?? option.ValueType;
        if (type == typeof(int))
            return isWhole ? $"a whole number from {int.MinValue} to {int.MaxValue}" : "a whole number";
        if (type == typeof(ulong))
            return isWhole ? $"a whole number from 0 to {ulong.MaxValue}" : "a whole number";
        if (type == typeof(double))
            return "a number";
        if (type == typeof(bool))
            return "true or false";
        if (type is not { IsEnum: true })
            return typeName;
        var words = option!.HelpName is { } help && help.Contains('|') ? help.Split('|') : [.. Enum.GetNames(type).Select(name => name.ToLowerInvariant())]; // a verb may take only some
        return $"{string.Join(", ", words[..^1])} or {words[^1]}";
    }

    private static string PathOf(ParseResult parsed)
    {
        var names = new Stack<string>();
        for (var at = parsed.CommandResult; at?.Parent is not null; at = at.Parent as CommandResult)
            names.Push(at.Command.Name);
        return string.Join(' ', names);
    }

    private static Problem Unknown(string token, string kind, string[] known, string path)
    {
        var nearest = NearestName.To(token, known);
        var expected = known.Length > 0 ? $"one of {string.Join(", ", known)}" : "nothing more";
        return Problem.Of(token, $"is not {kind}", expected, nearest is null ? $"see {path} --help" : $"did you mean {nearest}?");
    }

    /// <summary>The first signal asks the verb to stop in good order; the second ends the process at once.</summary>
    private static PosixSignalRegistration StopOn(PosixSignal signal, CancellationTokenSource stop, ConsoleOutput output) =>
        PosixSignalRegistration.Create(signal, context =>
        {
            if (stop.IsCancellationRequested)
                return;
            context.Cancel = true;
            output.Note("\nStopping at the next good moment; once more to quit at once.");
            stop.Cancel();
        });
}
