using System.Text.Json;
using System.Text.RegularExpressions;

namespace Attune.Tests;

/// <summary>Files and numbers to test against that are not part of the checkout; the variable ATTUNE_FIXTURES names their folder.</summary>
internal static class Fixtures
{
    public const string Variable = "ATTUNE_FIXTURES";

    public static string? Folder { get; } = Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } folder ? folder : null;

    /// <summary>Why a test cannot run here, or null where it can.</summary>
    public static string? WhyNot { get; } =
        Folder is null ? $"needs {Variable}, the folder of the fixtures"
        : Directory.Exists(Folder) ? null
        : throw new DirectoryNotFoundException($"{Variable} is '{Folder}', which is no folder; set it to the folder of the fixtures, or unset it to skip their tests.");

    /// <summary>The path of a fixture, for instance <c>fixtures/models/gpt2</c>; it has to be there.</summary>
    public static string Path(string relative)
    {
        var path = System.IO.Path.Combine(Folder ?? throw new InvalidOperationException($"A test that needs {Variable} lacks [FixtureFact] or [FixtureTheory]."), relative);
        return File.Exists(path) || Directory.Exists(path) ? path : throw new FileNotFoundException($"The fixture {relative} is not in {Folder}.", path);
    }

    /// <summary>A JSON fixture. Some were written by Python and hold <c>NaN</c>, which JSON does not know: null here.</summary>
    public static JsonElement Json(string relative)
    {
        var text = Regex.Replace(File.ReadAllText(Path(relative)), @"(?<=[:\[,]\s*)NaN(?=\s*[,\]}])", "null");
        using var document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }
}

/// <summary>A test that reads <see cref="Fixtures"/>, skipped where there are none.</summary>
public sealed class FixtureFactAttribute : FactAttribute
{
    public FixtureFactAttribute() => Skip = Fixtures.WhyNot;
}

/// <summary>A theory that reads <see cref="Fixtures"/>, skipped where there are none.</summary>
public sealed class FixtureTheoryAttribute : TheoryAttribute
{
    public FixtureTheoryAttribute() => Skip = Fixtures.WhyNot;
}
