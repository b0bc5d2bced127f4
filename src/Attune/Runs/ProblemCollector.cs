namespace Attune.Runs;

/// <summary>Gathers what is wrong with several inputs, so that a stage reports all of it at once instead of stopping at the first file.</summary>
public sealed class ProblemCollector
{
    private readonly List<Problem> _problems = [];

    /// <summary>Whether nothing was wrong so far.</summary>
    public bool IsEmpty => _problems.Count == 0;

    /// <summary>Opens an input; where it cannot be used its problems are kept, under the recipe key that names it, and null is returned.</summary>
    public T? Try<T>(string key, Func<T> open)
        where T : class
    {
        try
        {
            return open();
        }
        catch (InputException e)
        {
            foreach (var problem in e.Problems)
                Add(problem.Key.StartsWith(key, StringComparison.Ordinal) ? problem : new(key, $"{e.Title} {problem.Key}".TrimEnd() + " " + problem.Message));
            return null;
        }
    }

    /// <summary>Keeps a problem.</summary>
    public void Add(Problem problem) => _problems.Add(problem);

    /// <summary>Keeps some problems.</summary>
    public void Add(IEnumerable<Problem> problems) => _problems.AddRange(problems);

    /// <summary>Throws all that was kept; nothing happens where nothing was.</summary>
    /// <exception cref="InputException">There was something.</exception>
    public void Throw(string title)
    {
        if (_problems.Count > 0)
            throw new InputException(title, _problems);
    }
}
