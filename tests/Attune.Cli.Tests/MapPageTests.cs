using System.Text.RegularExpressions;
using Attune.Tests;

namespace Attune.Cli.Tests;

/// <summary>docs/map.md leads to everything: a page or folder that it does not name is one that nobody finds.</summary>
public sealed class MapPageTests
{
    private static readonly string Map = File.ReadAllText(Repository.PathOf("docs/map.md"));

    [Fact]
    public void The_map_links_every_page_and_nothing_that_is_not_there()
    {
        var docs = Repository.PathOf("docs");
        var pages = Directory.GetFiles(docs, "*.md", SearchOption.AllDirectories).Select(page => Path.GetRelativePath(docs, page)).Where(page => page != "map.md").Order().ToArray();
        var links = Regex.Matches(Map, @"\]\(([^)#]+\.md)").Select(link => link.Groups[1].Value).Order();

        Assert.InRange(pages.Length, 30, int.MaxValue);
        Assert.Equal(pages, links);
    }

    [Fact]
    public void The_map_names_every_folder_of_the_root()
    {
        string[] notOurs = [".git", .. File.ReadLines(Repository.PathOf(".gitignore")).Select(line => line.Trim('/'))];
        var folders = Directory.GetDirectories(Repository.Root).Select(folder => Path.GetFileName(folder)).Except(notOurs).ToArray();

        Assert.InRange(folders.Length, 9, int.MaxValue);
        Assert.All(folders, folder => Assert.Contains($"| `{folder}/", Map));
    }
}
