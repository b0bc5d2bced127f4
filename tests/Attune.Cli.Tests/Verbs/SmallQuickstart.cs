using System.Security.Cryptography;
using Attune.Tests;
using Attune.Tests.Loop;

namespace Attune.Cli.Tests.Verbs;

/// <summary>The smallest budget on a base model of random weights, once, by the real program; tests of the verb share it.</summary>
public sealed class SmallQuickstart : IAsyncLifetime, IDisposable
{
    private readonly TinyHome _home = new(Repository.Root);

    public string Home => _home.Root;

    /// <summary>The finished folder; tests read it only.</summary>
    public string Straight => At("straight");

    internal Printed Printed { get; private set; } = null!;

    public string At(string name) => _home.At(name);

    internal string[] Line(string name, params string[] more) => ["quickstart", "--budget", "small", "--out", At(name), .. more];

    internal async Task<Printed> Run(params string[] line)
    {
        using var program = ProgramProcess.StartAt(Home, line);
        return await program.End();
    }

    public async Task InitializeAsync() => Printed = await Run(Line("straight"));

    /// <summary>Every file with its content's hash, but recipes, which name the folder, and the database, whose ids are drawn.</summary>
    internal SortedDictionary<string, string> Left(string name) => new(
        Directory.EnumerateFiles(At(name), "*", SearchOption.AllDirectories).Where(file => Path.GetFileName(file) is not (".lock" or "recipe.yaml") && !Path.GetFileName(file).StartsWith("feedback.db", StringComparison.Ordinal))
            .ToDictionary(file => Path.GetRelativePath(At(name), file), Hash), StringComparer.Ordinal);

    /// <summary>The files that are in one of two folders alone, or differ in a byte.</summary>
    internal IReadOnlyList<string> Differences(string name, string other)
    {
        var (left, right) = (Left(name), Left(other));
        return [.. left.Keys.Union(right.Keys).Where(file => left.GetValueOrDefault(file) != right.GetValueOrDefault(file))];
    }

    public Task DisposeAsync() => Task.CompletedTask;

    public void Dispose() => _home.Dispose();

    internal static string Hash(string file) => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file)));
}
