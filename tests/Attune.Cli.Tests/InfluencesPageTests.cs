using System.Text.RegularExpressions;
using Attune.Tests;

namespace Attune.Cli.Tests;

/// <summary>docs/INFLUENCES.md credits every paper that a page of docs/algorithms names.</summary>
public sealed class InfluencesPageTests
{
    private static readonly string Influences = File.ReadAllText(Repository.PathOf("docs/INFLUENCES.md"));
    private static readonly string Algorithms = string.Concat(Directory.GetFiles(Repository.PathOf("docs/algorithms"), "*.md").Select(File.ReadAllText));

    [Fact]
    public void Every_arxiv_number_of_an_algorithm_is_credited()
    {
        var numbers = Regex.Matches(Algorithms, @"arXiv:(\d{4}\.\d{4,5})").Select(match => match.Value).Distinct().ToArray();

        Assert.InRange(numbers.Length, 12, int.MaxValue);
        Assert.All(numbers, number => Assert.Contains(number, Influences));
    }

    [Fact]
    public void Every_author_that_an_algorithm_names_with_a_year_or_a_measure_is_credited()
    {
        var named = Regex.Matches(Algorithms, @"(?<name>\p{Lu}\p{Ll}+)(?: (?:and|&) (?<name>\p{Lu}\p{Ll}+))?,?\s\(?(?:19|20)\d\d\b|(?<name>\p{Lu}\p{Ll}+)(?:'s?) [κα]|(?<name>Plackett)–(?<name>Luce)");
        var authors = named.SelectMany(match => match.Groups["name"].Captures).Select(name => name.Value).Distinct().ToArray();

        Assert.InRange(authors.Length, 20, int.MaxValue);
        Assert.All(authors, author => Assert.Matches($@"\. {author}\b", Influences));
    }
}
