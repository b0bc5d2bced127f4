namespace Attune.Tests.Architecture;

public sealed class FileShapeTests
{
    private const int LongestChapter = 400;

    /// <summary>Files that may be longer than a chapter, each with the reason.</summary>
    private static readonly Dictionary<string, string> LongerForAReason = new()
    {
    };

    private static readonly string[] NamesThatSayNothing = ["Utils", "Util", "Helpers", "Helper", "Manager", "Core", "Common", "Services", "Misc"];

    [Fact]
    public void A_file_is_a_chapter()
    {
        var tooLong = SourceFiles().Concat(NativeFiles()).Where(file => !LongerForAReason.ContainsKey(file) && IsTooLong(File.ReadLines(Repository.PathOf(file))));

        Assert.Empty(tooLong);
    }

    [Fact]
    public void The_exceptions_are_needed_and_explained()
    {
        Assert.All(LongerForAReason, exception =>
        {
            Assert.True(exception.Value.Length > 20, $"{exception.Key} has no reason.");
            Assert.True(IsTooLong(File.ReadLines(Repository.PathOf(exception.Key))), $"{exception.Key} is short enough; take it off the list.");
        });
    }

    [Fact]
    public void One_line_over_the_limit_is_too_long()
    {
        Assert.False(IsTooLong(Enumerable.Repeat("", LongestChapter)));
        Assert.True(IsTooLong(Enumerable.Repeat("", LongestChapter + 1)));
    }

    [Fact]
    public void Folders_lie_at_most_two_deep_below_a_project()
    {
        // src/Project/One/Two/File.cs has five parts
        Assert.DoesNotContain(SourceFiles(), file => file.Split('/').Length > 5);
    }

    [Fact]
    public void No_file_or_folder_has_a_name_that_says_nothing()
    {
        var nameless = SourceFiles().Where(file => Path.ChangeExtension(file, null).Split('/')
            .Any(part => NamesThatSayNothing.Any(word => part == word || (word.Length > 4 && part.EndsWith(word, StringComparison.Ordinal)))));

        Assert.Empty(nameless);
    }

    private static bool IsTooLong(IEnumerable<string> lines) => lines.Count() > LongestChapter;

    private static IEnumerable<string> NativeFiles() => ((string[])["*.cpp", "*.h", "*.sh"])
        .SelectMany(kind => Directory.EnumerateFiles(Repository.PathOf("native"), kind))
        .Select(path => Path.GetRelativePath(Repository.Root, path).Replace('\\', '/'));

    private static List<string> SourceFiles()
    {
        var files = new[] { "src", "tests", "bench" }
            .Select(Repository.PathOf)
            .Where(Directory.Exists)
            .SelectMany(folder => Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories))
            .Select(path => Path.GetRelativePath(Repository.Root, path).Replace('\\', '/'))
            .Where(file => !file.Split('/').Any(part => part is "bin" or "obj"))
            .ToList();
        Assert.Contains("src/Attune.Cli/Program.cs", files); // the search finds what it is meant to find
        return files;
    }
}
