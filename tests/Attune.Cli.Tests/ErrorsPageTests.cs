using System.Text.RegularExpressions;
using Attune.Tests;

namespace Attune.Cli.Tests;

/// <summary>The tests that docs/errors.md names are there.</summary>
public sealed class ErrorsPageTests
{
    [Fact]
    public void Every_test_that_the_page_names_is_there()
    {
        var named = Regex.Matches(File.ReadAllText(Repository.PathOf("docs/errors.md")), @"`(\w+Tests)(?:\.(\w+))?`");

        Assert.InRange(named.Count, 30, int.MaxValue);
        Assert.All(named, name =>
        {
            var file = Assert.Single(Directory.GetFiles(Repository.PathOf("tests"), name.Groups[1].Value + ".cs", SearchOption.AllDirectories));
            Assert.Contains(" " + name.Groups[2].Value, File.ReadAllText(file));
        });
    }
}
