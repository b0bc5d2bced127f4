namespace Attune.Runs;

/// <summary>
/// Collects what is wrong with the inputs of a run, so that all of it is told at once: each check goes on where the one before it failed.
/// </summary>
/// <param name="title">What the problems are about: "The recipe".</param>
public sealed class InputProblems(string title)
{
    private readonly List<Problem> _problems = [];

    /// <summary>Whether nothing is wrong so far.</summary>
    public bool AreNone => _problems.Count == 0;

    /// <summary>What is wrong so far.</summary>
    public IReadOnlyList<Problem> All => _problems;

    /// <summary>Adds a problem.</summary>
    public void Add(Problem problem) => _problems.Add(problem);

    /// <summary>Adds some problems.</summary>
    public void Add(IEnumerable<Problem> problems) => _problems.AddRange(problems);

    /// <summary>Does a check; where it fails its problems are kept, with what they are about, and the result is null.</summary>
    public T? Try<T>(Func<T> check)
        where T : class
    {
        try
        {
            return check();
        }
        catch (InputException e)
        {
            _problems.AddRange(e.Problems.Select(problem => problem with { Key = $"{e.Title} {problem.Key}".TrimEnd() }));
            return null;
        }
    }

    /// <summary>Opens what a recipe key names; where that fails its problems are kept, under the key unless they name keys themselves, and the result is null.</summary>
    public T? Try<T>(string key, Func<T> open)
        where T : class
    {
        try
        {
            return open();
        }
        catch (InputException e)
        {
            _problems.AddRange(e.Problems.Select(problem => e.Title == title
                ? problem
                : new Problem(key, $"{e.Title} {problem.Key}".TrimEnd() + " " + problem.Message)));
            return null;
        }
    }

    /// <summary>Does a check that has no result.</summary>
    public void Try(Action check) => Try<object>(() =>
    {
        check();
        return this;
    });

    /// <summary>Fails where there are problems.</summary>
    /// <exception cref="InputException">All of them.</exception>
    public void ThrowIfAny()
    {
        if (_problems.Count > 0)
            throw new InputException(title, _problems);
    }
}
