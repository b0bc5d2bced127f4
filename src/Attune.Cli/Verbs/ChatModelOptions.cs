using System.CommandLine;
using Attune.Runs;
using Attune.Web.Chat;

namespace Attune.Cli.Verbs;

/// <summary>The flags of <c>attune annotate</c> that say which model people talk with.</summary>
internal static class ChatModelOptions
{
    public static Option<string?> Folder { get; } = new("--model") { Description = "Model folder for conversations, sampled in this process", HelpName = "FOLDER" };

    public static Option<string?> Url { get; } = new("--model-url") { Description = "OpenAI-compatible address for conversations, such as https://models.example.org/v1", HelpName = "URL" };

    public static Option<string?> Name { get; } = new("--model-name") { Description = "The model's name at --model-url", HelpName = "NAME" };

    public static Option<string?> KeyVariable { get; } = new("--model-key-variable") { Description = "Environment variable that holds the key of --model-url", HelpName = "VARIABLE" };

    /// <summary>The model; null where none is named. The caller disposes it.</summary>
    /// <exception cref="InputException">The flags contradict each other, or the folder cannot be used.</exception>
    public static IChatModel? Open(ParseResult parsed)
    {
        var (folder, url, name, variable) = (parsed.GetValue(Folder), parsed.GetValue(Url), parsed.GetValue(Name), parsed.GetValue(KeyVariable));
        var key = variable is null ? null : Environment.GetEnvironmentVariable(variable);
        var problems = Check(folder, url, name, variable, key).ToList();
        var settings = ComputeOptions.Read(parsed, problems);
        if (problems.Count > 0)
            throw new InputException("attune annotate", problems);
        return folder is not null ? LocalChatModel.Load(folder, settings) : url is not null ? new EndpointChatModel(new Uri(url), name!, key) : null;
    }

    private static IEnumerable<Problem> Check(string? folder, string? url, string? name, string? variable, string? key)
    {
        if (folder is not null && url is not null)
            yield return Problem.Of(Folder.Name, $"is {folder} beside {Url.Name} {url}", "one of the two", "leave one out");
        if (url is not null && !(Uri.TryCreate(url, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"))
            yield return Problem.Of(Url.Name, $"is {url}", "an address that begins with https:// or http://", "give the one before /chat/completions");
        if (url is not null && string.IsNullOrWhiteSpace(name))
            yield return Problem.Of(Name.Name, "is missing", $"the model's name at {Url.Name}", "give it");
        if (url is null && (name ?? variable) is not null)
            yield return Problem.Of(name is null ? KeyVariable.Name : Name.Name, $"is {name ?? variable} without {Url.Name}", "both or neither", $"give {Url.Name}");
        if (variable is not null && string.IsNullOrEmpty(key))
            yield return Problem.Of(KeyVariable.Name, $"is {variable}, which is not set", "a variable that holds the key", "set it in the environment of this program");
    }
}
