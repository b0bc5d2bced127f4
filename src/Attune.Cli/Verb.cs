using System.CommandLine;
using Attune.Cli.Output;
using Attune.Cli.Verbs;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Cli;

/// <summary>How the program ends. Documented in <c>docs/run-folder.md</c>.</summary>
internal static class ExitCode
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int BadInput = 2;
    public const int Stopped = 130; // 128 + SIGINT, as shells have it
}

/// <summary>One word of the command line, with an example that can be run as it stands. Turns exceptions into messages and exit codes.</summary>
internal sealed class Verb(string name, string description, string example) : Command(name, description)
{
    /// <summary>One runnable command line, shown by <c>--help</c>.</summary>
    public string Example { get; } = example;

    /// <summary>Options that delete what is there: a line that goes on must not repeat them.</summary>
    public IList<Option> Deleting { get; } = [CommonOptions.Force];

    /// <summary>What the verb does. It runs on the program's main thread; the token is cancelled by Ctrl-C.</summary>
    public Verb Does(ConsoleOutput output, Action<ParseResult, CancellationToken> action)
    {
        SetAction((parsed, stop) => Task.FromResult(Run(output, parsed, () => action(parsed, stop), stop)));
        return this;
    }

    private static int Run(ConsoleOutput output, ParseResult parsed, Action action, CancellationToken stop)
    {
        try
        {
            RefuseBoth(parsed);
            action();
            output.Flush(); // here, as a result that cannot be written is a failure of the verb
            return stop.IsCancellationRequested ? Stopped(output, parsed) : ExitCode.Done;
        }
        catch (InputException e)
        {
            return Failed(output, e, e.Message, ExitCode.BadInput);
        }
        catch (RunFailedException e)
        {
            return Failed(output, e, e.IsWriteFailure ? $"{e.Message}, then {Again(parsed)}" : e.Message, ExitCode.Failed);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return Stopped(output, parsed);
        }
        catch (Exception e) when (TorchUnavailableException.In(e) is { } missing)
        {
            return Failed(output, e, missing.Message, ExitCode.BadInput);
        }
        catch (Exception e)
        {
            var hint = Tracing ? "" : "\nThis was not foreseen; set ATTUNE_TRACE=1 to see where it happened.";
            return Failed(output, e, $"{e.GetType().Name}: {e.Message}{hint}", ExitCode.Failed);
        }
    }

    private static bool Tracing => Environment.GetEnvironmentVariable("ATTUNE_TRACE") is "1";

    /// <summary>One goes on with what is there or repeats a part of it, the other deletes it all: neither is guessed.</summary>
    private static void RefuseBoth(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        bool Has<T>(Option<T> option, out T? value)
        {
            value = command.Options.Contains(option) ? parsed.GetValue(option) : default;
            return value is not (null or false);
        }
        if (!Has(CommonOptions.Force, out _))
            return;
        if (Has(CommonOptions.Resume, out _))
            throw InputException.One($"attune {command.Name}", "has both --resume and --force", "one of them", "--resume goes on with what is in the folder, --force deletes it");
        if (Has(QuickstartVerb.FromOption, out var stage))
            throw InputException.One($"attune {command.Name}", $"has both --from {stage.ToString()!.ToLowerInvariant()} and --force", "one of them", "--from repeats a part of what is in the folder, --force deletes it all");
    }

    private static string Again(ParseResult parsed) => Resumes(parsed) ? "continue with --resume" : "start again";

    private static bool Resumes(ParseResult parsed) => parsed.CommandResult.Command.Options.Contains(CommonOptions.Resume);

    private static int Failed(ConsoleOutput output, Exception e, string message, int code)
    {
        output.Note(message);
        if (Tracing)
            output.Note(e.ToString());
        return code;
    }

    private static int Stopped(ConsoleOutput output, ParseResult parsed)
    {
        var typed = parsed.Tokens.Select(t => t.Value).ToList();
        foreach (var option in parsed.CommandResult.Command is Verb verb ? verb.Deleting : []) // once more would delete what was just saved
        {
            if (parsed.GetResult(option) is { Implicit: false } given)
                typed.RemoveRange(typed.IndexOf(option.Name), 1 + given.Tokens.Count);
        }
        var resumes = Resumes(parsed);
        if (resumes && !typed.Contains(CommonOptions.Resume.Name))
            typed.Add(CommonOptions.Resume.Name);
        output.Note(resumes ? $"Stopped. Continue with: attune {string.Join(' ', typed.Select(Quote))}" : "Stopped.");
        return ExitCode.Stopped;
    }

    private static string Quote(string word) =>
        word.All(c => char.IsAsciiLetterOrDigit(c) || "-_./=:,+".Contains(c)) && word.Length > 0 ? word : $"'{word.Replace("'", @"'\''")}'";
}
